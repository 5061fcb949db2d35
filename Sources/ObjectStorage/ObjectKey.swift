/// The name of an object within a store: components joined by `/`, none of them empty or with a dot in front.
///
/// Any text can be a key; a store refuses an ill-formed one with `ObjectStoreError.Kind.invalidKey`, because that is
/// the place where a `..` would do harm.
package struct ObjectKey: Hashable, Comparable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
    package let text: String

    package init(_ text: String) { self.text = text }
    package init(stringLiteral value: String) { text = value }

    package var description: String { text }

    /// The last component.
    package var name: String {
        text.utf8.split(separator: UInt8(ascii: "/")).last.map { String(Substring($0)) } ?? text
    }

    /// Byte order, as object stores list.
    package static func < (left: ObjectKey, right: ObjectKey) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }

    package static func / (key: ObjectKey, component: String) -> ObjectKey { ObjectKey(key.text + "/" + component) }

    /// A leading dot would hide an object, or be `.` or `..`; a zero byte would cut a path short.
    package var isWellFormed: Bool {
        // By bytes: an accent that follows a slash makes one character of the two.
        !text.utf8.contains(0)
            && text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy {
                !$0.isEmpty && $0.first != UInt8(ascii: ".") && $0.count <= 255
            }
    }
}
