/// Why a store did not do what it was asked for.
package struct ObjectStoreError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: String, Sendable, CaseIterable {
        /// Not reachable, not mounted, or failing: asking again may help.
        case unavailable
        /// No space or quota left: asking again may help.
        case full
        /// Reachable, but it does not let us.
        case denied
        /// A key that no store may take.
        case invalidKey
    }

    package let kind: Kind
    /// One sentence that names the object or the directory.
    package let message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    package var description: String { message }
}
