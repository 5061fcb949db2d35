/// One value as it was read, before its meaning is known: from the file with its position, or from the environment.
struct ConfigurationNode: Hashable, Sendable {
    struct Entry: Hashable, Sendable {
        let key: String
        let place: ConfigurationError.Place
        let value: ConfigurationNode
    }

    enum Content: Hashable, Sendable {
        /// A key without a value, `~` or `null`: as good as not given.
        case nothing
        case scalar(String)
        case sequence([ConfigurationNode])
        /// In the order of the file, keys unique.
        case mapping([Entry])
    }

    let place: ConfigurationError.Place
    let content: Content

    /// What stands here, in the words of an error message.
    var found: String {
        switch content {
        case .nothing: "found nothing"
        case .scalar(let text): "found '\(Self.shortened(text))'"
        case .sequence: "found a list"
        case .mapping: "found a mapping"
        }
    }

    /// Long or multi-line values would hide the message that quotes them.
    private static func shortened(_ text: String) -> String {
        let line = text.map { $0.isNewline ? " " : String($0) }.joined()
        return line.count > 60 ? line.prefix(57) + "..." : line
    }
}
