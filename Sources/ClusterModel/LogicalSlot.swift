/// A logical replication slot as it is declared: `name@database/plugin`.
package struct LogicalSlot: Hashable, Sendable {
    package var name: String
    package var database: String
    /// Of logical decoding, such as `pgoutput`.
    package var plugin: String

    package init(name: String, database: String, plugin: String) {
        self.name = name
        self.database = database
        self.plugin = plugin
    }

    /// nil: another form. A database may have `@` and `/` in its name, a slot and a plugin may not.
    package init?(_ text: String) {
        guard let at = text.firstIndex(of: "@"), let slash = text.lastIndex(of: "/"), at < slash else { return nil }
        name = String(text[..<at])
        database = String(text[text.index(after: at)..<slash])
        plugin = String(text[text.index(after: slash)...])
    }

    package var text: String { "\(name)@\(database)/\(plugin)" }
}
