/// A place for objects that are written once, as a whole, and never changed: a directory, or a bucket at an S3 service.
///
/// All calls block; the caller owns the thread. nil and empty results are confirmed absences: whatever prevents an
/// answer is thrown, because "not in the archive" and "the archive does not answer" lead a recovery to opposite ends.
package protocol ObjectStore: Sendable, CustomStringConvertible {
    /// Whether an object is there, and its size.
    func head(_ key: ObjectKey) throws(ObjectStoreError) -> ObjectInfo?

    /// A stream over an object from byte `offset` on; nil when there is none.
    func read(_ key: ObjectKey, from offset: UInt64) throws(ObjectStoreError) -> (any ObjectReader)?

    /// A stream over some bytes of an object, and perhaps those behind them; nil when there is none.
    func read(_ key: ObjectKey, range: Range<UInt64>) throws(ObjectStoreError) -> (any ObjectReader)?

    /// Begins an object. Nothing is visible under `key` before `commit`.
    func upload(_ key: ObjectKey) throws(ObjectStoreError) -> any ObjectUpload

    /// Returns once an object that exists survives a loss of power: its writer may have died before it knew.
    func confirmDurable(_ key: ObjectKey) throws(ObjectStoreError)

    /// One page, in the order of keys.
    /// - Parameters:
    ///   - prefix: what keys begin with, up to and including a `/`; empty for all.
    ///   - after: only keys (and folders) behind this one.
    ///   - recursive: whether to descend; otherwise deeper keys appear as folders.
    func list(_ prefix: String, after: ObjectKey?, recursive: Bool) throws(ObjectStoreError) -> ObjectPage

    /// Removes an object; one that is not there is fine.
    func delete(_ key: ObjectKey) throws(ObjectStoreError)

    /// Removes many, in no order; those that are not there are fine. After an error some may be gone.
    func delete(_ keys: [ObjectKey]) throws(ObjectStoreError)

    /// What was asked of a service so far; nil for a store that is none.
    var traffic: S3Statistics? { get }

    /// Removes what uploads have left whose process died: what nobody has written to for `age`. Never an object.
    /// - Parameter prefix: only uploads of keys that begin so, up to and including a `/`; empty for all. Where a store
    ///   does not tell them apart, all.
    func removeAbandonedUploads(under prefix: String, olderThan age: Duration) throws(ObjectStoreError)
}

package struct ObjectInfo: Hashable, Sendable {
    package let key: ObjectKey
    /// Bytes as stored.
    package let size: UInt64
    /// Seconds since 1970 by the store's clock, where a listing tells; nil otherwise.
    package let modified: Int64?

    package init(key: ObjectKey, size: UInt64, modified: Int64? = nil) {
        self.key = key
        self.size = size
        self.modified = modified
    }
}

package struct ObjectPage: Hashable, Sendable {
    package var objects: [ObjectInfo]
    /// Common prefixes of deeper keys, each with its `/` at the end; empty for a recursive listing.
    package var folders: [String]
    /// Where the next page starts; nil: this is the last.
    package var next: ObjectKey?

    package init(objects: [ObjectInfo], folders: [String], next: ObjectKey?) {
        self.objects = objects
        self.folders = folders
        self.next = next
    }
}

/// An object being read, by one thread.
package protocol ObjectReader: AnyObject {
    /// The next bytes, `limit` at most; empty at the end.
    func read(upTo limit: Int) throws(ObjectStoreError) -> [UInt8]
}

/// An object being written, by one thread. Dropped without `commit`, it leaves nothing behind.
package protocol ObjectUpload: AnyObject {
    func write(_ bytes: RawSpan) throws(ObjectStoreError)

    /// Makes the object visible, whole and durable, unless `key` is taken by then.
    /// - Parameter permission: asked last of all before the object becomes visible; what it throws ends the upload.
    func commit(if permission: () throws -> Void) throws -> CreateOutcome

    func abort()
}

package enum CreateOutcome: Hashable, Sendable {
    case created
    /// The key was taken, and its object was left as it is.
    case exists
}

extension ObjectStore {
    package func read(_ key: ObjectKey) throws(ObjectStoreError) -> (any ObjectReader)? { try read(key, from: 0) }

    package var traffic: S3Statistics? { nil }

    package func read(_ key: ObjectKey, range: Range<UInt64>) throws(ObjectStoreError) -> (any ObjectReader)? {
        try read(key, from: range.lowerBound)
    }

    package func delete(_ keys: [ObjectKey]) throws(ObjectStoreError) { for key in keys { try delete(key) } }

    package func removeAbandonedUploads(olderThan age: Duration) throws(ObjectStoreError) {
        try removeAbandonedUploads(under: "", olderThan: age)
    }

    /// All pages of a listing.
    package func listAll(_ prefix: String, recursive: Bool = false) throws(ObjectStoreError) -> ObjectPage {
        var all = ObjectPage(objects: [], folders: [], next: nil)
        repeat {
            let page = try list(prefix, after: all.next, recursive: recursive)
            all.objects += page.objects
            all.folders += page.folders
            all.next = page.next
        } while all.next != nil
        return all
    }

    /// The whole of a small object; nil when there is none.
    package func readAll(_ key: ObjectKey, limit: Int = 1 << 20) throws(ObjectStoreError) -> [UInt8]? {
        guard let reader = try read(key) else { return nil }
        var content: [UInt8] = []
        while true {
            let piece = try reader.read(upTo: 64 << 10)
            if piece.isEmpty { return content }
            content += piece
            guard content.count <= limit else {
                throw ObjectStoreError(.unavailable, "'\(key)' is larger than \(limit) bytes")
            }
        }
    }
}
