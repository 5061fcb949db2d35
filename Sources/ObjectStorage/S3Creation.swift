import Synchronization

/// What a store makes of `If-None-Match: *`, which asks it to create and never to overwrite.
enum S3Creation: Hashable, Sendable {
    /// It does as asked.
    case atomic
    /// It pays no attention, or we may not find out: we look before and afterwards.
    case ignored
    /// It takes no such request: as `ignored`, without the header.
    case rejected

    var isSafe: Bool { self == .atomic }
    var headers: [(String, String)] { self == .rejected ? [] : [("if-none-match", "*")] }
}

extension S3Store {
    /// Found out once, by creating the same small object twice. It stays, so that the next process needs one request.
    func creationMode() throws(ObjectStoreError) -> S3Creation {
        if let known = creation.withLock({ $0 }) { return known }
        let found = try probeCreation()
        creation.withLock { $0 = found }
        return found
    }

    private func probeCreation() throws(ObjectStoreError) -> S3Creation {
        let what = "find out whether \(self) creates without overwriting"
        let path = settings.prefix.isEmpty ? settings.probe : "\(settings.prefix)/\(settings.probe)"
        var request = try S3Request("PUT", path).carrying(Array("If-None-Match\n".utf8))
        request.headers += creationHeaders + S3Creation.atomic.headers
        request.resends = false
        for _ in 0..<2 {
            let answer = try client.send(request, what)
            if answer.isSuccess { continue }
            switch answer.status {
            case 412: return .atomic
            // Where only some keys may be written, this one may not be among them.
            case 403: return .ignored
            case 400 where answer.failure?.code != "NoSuchBucket", 405, 501: return .rejected
            default: throw client.error(answer, what)
            }
        }
        return .ignored
    }
}
