/// An object that is sent whole when it is small enough to be kept in memory, and in parts otherwise.
final class S3Upload: ObjectUpload {
    private let store: S3Store
    private let key: ObjectKey
    private let path: String
    /// Of the part that is being filled; the object, as long as there is only one.
    private var content: [UInt8] = []
    private var parts: S3Parts?
    private var isFinished = false

    init(_ store: S3Store, _ key: ObjectKey, path: String) {
        self.store = store
        self.key = key
        self.path = path
    }

    deinit { abort() }

    func write(_ bytes: RawSpan) throws(ObjectStoreError) {
        guard !isFinished else { throw ObjectStoreError(.unavailable, "write '\(key)': the upload has ended") }
        let size = store.settings.partSize
        var position = 0
        while position < bytes.byteCount {
            // Only once there is more: what fits one part exactly is sent as a whole.
            if content.count == size { try sendPart() }
            let count = min(size - content.count, bytes.byteCount - position)
            bytes.extracting(position..<position + count).withUnsafeBytes { content.append(contentsOf: $0) }
            position += count
        }
    }

    func commit(if permission: () throws -> Void) throws -> CreateOutcome {
        guard !isFinished else { throw ObjectStoreError(.unavailable, "commit '\(key)': the upload has ended") }
        defer { abort() }
        if parts != nil {
            try sendPart()
            try parts?.finish()
        }
        let creation = try store.creationMode()
        // A completion may be unconditional where a simple creation is not.
        if parts != nil || !creation.isSafe, try store.look(key) != nil { return .exists }
        // The permission may run out between two repetitions.
        var refusal: (any Error)?
        func isPermitted() -> Bool {
            do { try permission() } catch { refusal = error }
            return refusal == nil
        }
        do {
            guard let parts else { return try put(creation, isPermitted) }
            return try parts.complete(creation, if: isPermitted)
        } catch {
            throw refusal ?? error
        }
    }

    func abort() {
        guard !isFinished else { return }
        isFinished = true
        content = []
        parts?.abort()
    }

    private func sendPart() throws(ObjectStoreError) {
        let part = content
        content = []
        if parts == nil { parts = try S3Parts(store, key, path: path) }
        try parts?.add(part)
    }

    // MARK: - As a whole

    private func put(_ creation: S3Creation, _ isPermitted: () -> Bool) throws(ObjectStoreError) -> CreateOutcome {
        let what = "write '\(key)'"
        var request = try S3Request("PUT", path).carrying(content)
        request.headers += store.creationHeaders + creation.headers
        // Sent twice without our knowledge, it would find itself in its own way.
        request.resends = false
        let answer = try store.client.send(request, what, if: isPermitted)
        if answer.status == 412 { return try isOurs(request, after: answer) ? .created : .exists }
        guard answer.isSuccess else { throw store.client.error(answer, what) }
        guard !creation.isSafe, let etag = answer.etag else { return .created }
        // Somebody else may have written at the same time; the last one stays, and everybody can see who it was.
        return try store.look(key)?.etag == etag ? .created : .exists
    }

    /// Whether it is the repetition of a request that had been carried out after all.
    private func isOurs(_ request: S3Request, after answer: S3Answer) throws(ObjectStoreError) -> Bool {
        guard answer.mayHaveBeenDone, let md5 = request.md5, let etag = try store.look(key)?.etag else { return false }
        return etag == ByteText.hex(md5)
    }
}
