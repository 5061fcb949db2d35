/// What came of an attempt to store an object that must never be overwritten.
package enum PutOutcome: Hashable, Sendable {
    case created
    /// There is one already, and it holds the same.
    case equal
    /// There is one already that holds something else. It was left as it is.
    case different
}

extension ObjectStore {
    /// The one rule of writing: create only, and compare where there is something already.
    ///
    /// Two processes may put the same key at the same time, and a caller that died after its object became visible
    /// comes again: both end in `.equal`. `.created` and `.equal` are returned only for a durable object.
    /// - Parameters:
    ///   - permission: asked last of all before the object becomes visible.
    ///   - body: writes the content; is not called when the key is taken.
    ///   - isEqual: whether the stored object means the same; it may differ in its compression.
    package func putIfAbsent(
        _ key: ObjectKey, if permission: () throws -> Void = {}, body: (any ObjectUpload) throws -> Void,
        isEqual: (any ObjectReader) throws -> Bool
    ) throws -> PutOutcome {
        if try head(key) == nil {
            let upload = try upload(key)
            do {
                try body(upload)
                if try upload.commit(if: permission) == .created { return .created }
            } catch {
                upload.abort()
                throw error
            }
        }
        guard let existing = try read(key) else {
            throw ObjectStoreError(.unavailable, "'\(key)' was there and is gone: something deletes in the archive")
        }
        guard try isEqual(existing) else { return .different }
        try confirmDurable(key)
        return .equal
    }

    /// `putIfAbsent` of bytes that are at hand.
    package func putIfAbsent(_ key: ObjectKey, _ content: [UInt8], if permission: () throws -> Void = {}) throws
        -> PutOutcome
    {
        try putIfAbsent(key, if: permission) { upload in
            try upload.write(content.span.bytes)
        } isEqual: { existing in
            var position = 0
            while true {
                let piece = try existing.read(upTo: 64 << 10)
                if piece.isEmpty { return position == content.count }
                guard content[position...].prefix(piece.count).elementsEqual(piece) else { return false }
                position += piece.count
            }
        }
    }
}
