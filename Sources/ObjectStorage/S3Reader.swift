/// Reads an object piece by piece, each with a request of its own, which can be repeated; the next ones are asked for
/// while one is being used. Used by one thread.
final class S3Reader: ObjectReader {
    private struct Piece {
        let range: Range<UInt64>
        let request: S3Request
        let attempt: S3Attempt?
    }

    private let store: S3Store
    private let key: ObjectKey
    private let path: String
    private let size: UInt64
    private let etag: String?
    private var current: [UInt8]
    private var position = 0
    private var ahead: [Piece] = []
    /// Where the next piece begins that has not been asked for.
    private var next: UInt64

    /// nil for a confirmed absence.
    static func open(
        _ store: S3Store, _ key: ObjectKey, path: String, from offset: UInt64, upTo end: UInt64 = .max
    ) throws(ObjectStoreError) -> S3Reader? {
        let what = "read '\(key)'"
        let offset = min(offset, UInt64(Int64.max))
        let first = offset..<max(offset + 1, min(end, offset + UInt64(store.settings.readSize)))
        let request = request(store, path, first, etag: nil)
        let answer = try store.client.send(request, what)
        if answer.failure?.code == "NoSuchKey" { return nil }
        if answer.status == 416 {
            // Nothing is there to be read: an empty object, or one that ends before the offset.
            guard let found = try store.head(key) else { return nil }
            guard found.size <= offset else { throw store.client.error(answer, what) }
            return S3Reader(store, key, path, size: found.size, etag: nil, first: [], next: found.size)
        }
        guard answer.isSuccess else { throw store.client.error(answer, what) }
        if answer.status == 200 {
            // All of it in spite of the range, which a server is free to do.
            let rest = Array(answer.body.dropFirst(Int(clamping: offset)))
            let size = UInt64(answer.body.count)
            return S3Reader(store, key, path, size: size, etag: nil, first: rest, next: size)
        }
        guard let range = ContentRange(answer.headers["content-range"]), let size = range.total, range.first == offset
        else { throw ObjectStoreError(.unavailable, "\(what): another range came than was asked for") }
        return S3Reader(
            store, key, path, size: min(size, end), etag: answer.etag, first: answer.body, next: range.last + 1)
    }

    private init(
        _ store: S3Store, _ key: ObjectKey, _ path: String, size: UInt64, etag: String?, first: [UInt8], next: UInt64
    ) {
        self.store = store
        self.key = key
        self.path = path
        self.size = size
        self.etag = etag
        current = first
        self.next = next
    }

    func read(upTo limit: Int) throws(ObjectStoreError) -> [UInt8] {
        // From the first byte on that is wanted: who opens an object may not want all of it.
        try askAhead(store.settings.readsAhead)
        if position == current.count {
            (current, position) = ([], 0)
            try askAhead(max(1, store.settings.readsAhead))
            guard !ahead.isEmpty else { return [] }
            current = try finish(ahead.removeFirst())
            try askAhead(store.settings.readsAhead)
        }
        let end = min(current.count, position + max(1, limit))
        defer { position = end }
        return Array(current[position..<end])
    }

    private func askAhead(_ count: Int) throws(ObjectStoreError) {
        while ahead.count < count, next < size {
            let range = next..<min(size, next + UInt64(store.settings.readSize))
            let request = Self.request(store, path, range, etag: etag)
            ahead.append(Piece(range: range, request: request, attempt: try? store.client.begin(request)))
            next = range.upperBound
        }
    }

    private func finish(_ piece: Piece) throws(ObjectStoreError) -> [UInt8] {
        let what = "read '\(key)' from byte \(piece.range.lowerBound)"
        let answer = try store.client.send(piece.request, what, first: piece.attempt)
        if answer.status == 412 || answer.status == 404 {
            throw ObjectStoreError(.unavailable, "\(what): it was replaced or deleted while it was read")
        }
        guard answer.isSuccess else { throw store.client.error(answer, what) }
        guard let range = ContentRange(answer.headers["content-range"]), range.first == piece.range.lowerBound,
            range.last + 1 == piece.range.upperBound
        else { throw ObjectStoreError(.unavailable, "\(what): another range came than was asked for") }
        return answer.body
    }

    private static func request(
        _ store: S3Store, _ path: String, _ range: Range<UInt64>, etag: String?
    ) -> S3Request {
        var request = S3Request("GET", path)
        request.headers = [("range", "bytes=\(range.lowerBound)-\(range.upperBound - 1)")]
        // Pieces of two objects make none.
        if let etag { request.headers.append(("if-match", "\"\(etag)\"")) }
        request.responseLimit = range.count + 64 << 10
        return request
    }
}
