/// An object that is sent in parts (a multipart upload). Used by one thread.
final class S3Parts {
    private struct Part {
        let number: Int
        let request: S3Request
        /// nil: it could not even be begun.
        let attempt: S3Attempt?
    }

    private let store: S3Store
    private let key: ObjectKey
    private let path: String
    private let upload: String
    private var underWay: [Part] = []
    /// Those that are there, in their order.
    private var etags: [String] = []
    private var sums: [UInt8] = []
    private var isOver = false

    private var client: S3Client { store.client }
    private var what: String { "write '\(key)'" }

    init(_ store: S3Store, _ key: ObjectKey, path: String) throws(ObjectStoreError) {
        self.store = store
        self.key = key
        self.path = path
        var request = S3Request("POST", path)
        request.query = [("uploads", "")]
        request.headers = store.creationHeaders
        request.expectsXML = true
        let answer = try store.client.send(request, "write '\(key)'")
        guard answer.isSuccess, let upload = XMLElement(parsing: answer.body)?.text("UploadId")?.trimmed,
            !upload.isEmpty
        else { throw store.client.error(answer, "write '\(key)'") }
        self.upload = upload
    }

    /// Sends a part as soon as there is room for it among those under way.
    func add(_ content: [UInt8]) throws(ObjectStoreError) {
        let number = etags.count + underWay.count + 1
        guard number <= Self.mostParts else {
            let bytes = UInt64(store.settings.partSize) * UInt64(Self.mostParts)
            throw ObjectStoreError(.denied, "\(what): it is larger than \(bytes) bytes, what parts of this size allow")
        }
        while underWay.count >= store.settings.partsInFlight { try finishOldest() }
        var request = try S3Request("PUT", path).carrying(content)
        request.query = [("partNumber", "\(number)"), ("uploadId", upload)]
        underWay.append(Part(number: number, request: request, attempt: try? client.begin(request)))
    }

    /// Waits for those under way.
    func finish() throws(ObjectStoreError) {
        while !underWay.isEmpty { try finishOldest() }
    }

    private func finishOldest() throws(ObjectStoreError) {
        let part = underWay.removeFirst()
        let what = "\(what), part \(part.number)"
        let answer = try client.send(part.request, what, first: part.attempt)
        guard answer.isSuccess, let etag = answer.headers["etag"] else { throw client.error(answer, what) }
        etags.append(etag)
        sums += part.request.md5 ?? []
    }

    /// Makes an object of the parts.
    func complete(_ creation: S3Creation, if permission: () -> Bool) throws(ObjectStoreError) -> CreateOutcome {
        let parts = etags.enumerated().map {
            "<Part><PartNumber>\($0 + 1)</PartNumber><ETag>\(XMLElement.escape($1))</ETag></Part>"
        }
        let document =
            "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
            + parts.joined() + "</CompleteMultipartUpload>"
        var request = try S3Request("POST", path).carrying(Array(document.utf8))
        request.query = [("uploadId", upload)]
        request.headers += [("content-type", "application/xml")] + creation.headers
        request.expectsXML = true
        request.resends = false
        // The store may have to put the parts together.
        request.idleTimeout = max(store.settings.idleTimeout, .seconds(60))
        let answer = try client.send(request, what, if: permission)
        if answer.isSuccess {
            isOver = true
            return .created
        }
        switch (answer.status, answer.failure?.code) {
        case (412, _): return try isOurs(after: answer) ? .created : .exists
        case (501, _) where creation != .rejected:
            // A store may know the condition for whole objects alone; that nothing is there was looked for just now.
            return try complete(.rejected, if: permission)
        case (404, "NoSuchUpload") where answer.mayHaveBeenDone:
            // What came of the earlier repetition?
            guard try store.look(key) != nil else { throw client.error(answer, what) }
            return try isOurs(after: answer) ? .created : .exists
        default: throw client.error(answer, what)
        }
    }

    /// Whether what is there was made of these parts, by a repetition whose answer got lost.
    private func isOurs(after answer: S3Answer) throws(ObjectStoreError) -> Bool {
        guard answer.mayHaveBeenDone, sums.count == 16 * etags.count, let sum = Digests.md5(sums) else { return false }
        isOver = try store.look(key)?.etag == "\(ByteText.hex(sum))-\(etags.count)"
        return isOver
    }

    /// Gives the parts up, unless they have become an object. What cannot be reached now is found later by
    /// `removeAbandonedUploads`.
    func abort() {
        guard !isOver else { return }
        isOver = true
        // A part that comes in afterwards would be stored, and paid for.
        for part in underWay { _ = part.attempt?.wait(atMost: Self.patience) }
        underWay = []
        var request = S3Request("DELETE", path)
        request.query = [("uploadId", upload)]
        _ = try? client.send(request, what, within: Self.patience)
    }

    private static let mostParts = 10_000
    private static let patience = Duration.seconds(5)
}
