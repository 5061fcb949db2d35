import Platform

/// A file in the format of `.pgpass`, so that no password ever stands in an argument list, in postgresql.conf or in an
/// environment.
package struct PasswordFile: Sendable {
    /// User and password, for every host, port and database.
    package var entries: [(user: String, password: String)]

    package init(_ entries: [(user: String, password: String)]) { self.entries = entries }

    var text: String {
        entries.map { "*:*:*:\(Self.escape($0.user)):\(Self.escape($0.password))\n" }.joined()
    }

    /// Readable by the owner only (libpq ignores it otherwise); durable when it returns.
    package func write(to path: String) throws(SystemError) {
        let bytes = Array(text.utf8)
        guard (try? Files.read(path)) != bytes else { return }
        try Files.writeDurably(bytes, to: path, mode: 0o600)
    }

    private static func escape(_ value: String) -> String {
        value.replacing("\\", with: "\\\\").replacing(":", with: "\\:")
    }

    /// The password in a mounted secret: its first line, without the line break that editors add.
    package static func readSecret(_ path: String) throws(SystemError) -> String {
        let text = try Files.readText(path, limit: 4096)
        return text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
    }
}
