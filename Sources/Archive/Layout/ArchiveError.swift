import ObjectStorage

/// Why something did not get into the archive, or out of it.
package struct ArchiveError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: String, Sendable, CaseIterable {
        /// This member holds no valid lease: only the primary archives.
        case noLease
        /// The archive is missing, full, read-only or failing: it is tried again.
        case unavailable
        /// The file is not what its name says, or the archive holds something else under that name, or belongs to
        /// another system: somebody has to look. It is tried again as well, but rarely succeeds.
        case refused
    }

    package let kind: Kind
    /// One sentence on one line.
    package let message: String
    /// The archive holds something else under the name: two have written where one should have.
    package let isConflict: Bool

    package init(_ kind: Kind, _ message: String, isConflict: Bool = false) {
        self.kind = kind
        self.message = message
        self.isConflict = isConflict
    }

    package var description: String { message }

    /// Anything thrown below: the store's own words, and everything unknown as unavailable.
    init(_ error: any Error) {
        switch error {
        case let error as ArchiveError: self = error
        case let error as ObjectStoreError:
            self.init(error.kind == .invalidKey ? .refused : .unavailable, error.message)
        default: self.init(.unavailable, "\(error)")
        }
    }
}
