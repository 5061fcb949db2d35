import Synchronization

/// Objects in a bucket of an S3 service: AWS, or whatever speaks its language.
///
/// Every request is signed here (Signature Version 4, with the hash of the body), is repeated with random pauses while
/// the store is busy or cannot be reached, and comes to an end within `S3Settings.deadline`. What nearly all stores
/// understand is all that is asked of them: no checksum headers but Content-MD5, no chunked signatures, equal parts.
package final class S3Store: ObjectStore {
    package let settings: S3Settings
    let client: S3Client
    /// nil: not yet known.
    let creation = Mutex<S3Creation?>(nil)

    /// Asks the store nothing yet.
    package init(_ settings: S3Settings) throws(S3SettingsError) {
        try settings.validate()
        self.settings = settings
        client = S3Client(settings)
    }

    package var description: String {
        let prefix = settings.prefix.isEmpty ? "" : "/\(settings.prefix)"
        return "s3://\(settings.bucket)\(prefix) at \(client.place)"
    }

    package var statistics: S3Statistics { client.statistics }
    package var traffic: S3Statistics? { client.statistics }

    // MARK: - Reading

    package func head(_ key: ObjectKey) throws(ObjectStoreError) -> ObjectInfo? {
        guard let answer = try look(key) else { return nil }
        guard let size = answer.length else {
            throw ObjectStoreError(.unavailable, "look for '\(key)': the store does not say how large it is")
        }
        return ObjectInfo(key: key, size: size)
    }

    /// The answer to HEAD; nil for a confirmed absence.
    func look(_ key: ObjectKey) throws(ObjectStoreError) -> S3Answer? {
        let (path, what) = (try path(of: key), "look for '\(key)'")
        let answer = try client.send(S3Request("HEAD", path), what)
        if answer.isSuccess { return answer }
        // Nobody but an S3 service sends this header, and the bucket is there: so it is the object that is not.
        if answer.status == 404, answer.headers["x-amz-request-id"] != nil, client.hasSeenBucket { return nil }
        // The same question in a form whose answer has a text that says why.
        var request = S3Request("GET", path)
        request.headers = [("range", "bytes=0-0")]
        let reason = try client.send(request, what)
        if reason.failure?.code == "NoSuchKey" { return nil }
        // An empty object has no first byte; any other may have come into being in between.
        guard reason.isSuccess || reason.status == 416 else { throw client.error(reason, what) }
        let again = try client.send(S3Request("HEAD", path), what)
        guard again.isSuccess else { throw client.error(again, what) }
        return again
    }

    package func read(_ key: ObjectKey, from offset: UInt64) throws(ObjectStoreError) -> (any ObjectReader)? {
        try S3Reader.open(self, key, path: try path(of: key), from: offset)
    }

    package func read(_ key: ObjectKey, range: Range<UInt64>) throws(ObjectStoreError) -> (any ObjectReader)? {
        try S3Reader.open(self, key, path: try path(of: key), from: range.lowerBound, upTo: range.upperBound)
    }

    /// What a store has confirmed is as safe as it will ever be.
    package func confirmDurable(_ key: ObjectKey) throws(ObjectStoreError) {
        guard try head(key) != nil else { throw ObjectStoreError(.unavailable, "'\(key)' is not in \(self)") }
    }

    // MARK: - Writing

    package func upload(_ key: ObjectKey) throws(ObjectStoreError) -> any ObjectUpload {
        S3Upload(self, key, path: try path(of: key))
    }

    package func delete(_ key: ObjectKey) throws(ObjectStoreError) {
        let what = "delete '\(key)'"
        let answer = try client.send(S3Request("DELETE", try path(of: key)), what)
        guard answer.isSuccess || answer.failure?.code == "NoSuchKey" else { throw client.error(answer, what) }
    }

    // MARK: -

    /// The whole key, within the bucket.
    func path(of key: ObjectKey) throws(ObjectStoreError) -> String {
        let path = settings.prefix.isEmpty ? key.text : "\(settings.prefix)/\(key.text)"
        guard key.isWellFormed, path.utf8.count <= 1024 else {
            throw ObjectStoreError(.invalidKey, "'\(key)' is no valid name of an object")
        }
        return path
    }

    /// For every object that comes into being.
    var creationHeaders: [(String, String)] {
        var headers = [("content-type", "application/octet-stream")]
        switch settings.encryption {
        case .store: headers.append(("x-amz-server-side-encryption", "AES256"))
        case .kms(let key):
            headers.append(("x-amz-server-side-encryption", "aws:kms"))
            if let key { headers.append(("x-amz-server-side-encryption-aws-kms-key-id", key)) }
        case nil: break
        }
        if let storageClass = settings.storageClass { headers.append(("x-amz-storage-class", storageClass)) }
        return headers
    }
}
