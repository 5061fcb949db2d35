/// The programs of one PostgreSQL installation.
package struct PostgresBinaries: Hashable, Sendable {
    package let directory: String

    package init(directory: String) { self.directory = directory }

    package func path(_ tool: String) -> String { directory + "/" + tool }

    /// The major version in what `postgres --version` prints, as in `postgres (PostgreSQL) 15.18 (Debian …)` or
    /// `postgres (PostgreSQL) 18beta1`; nil when it is something else.
    package static func majorVersion(inVersionText text: some StringProtocol) -> Int? {
        let words = text.split(whereSeparator: \.isWhitespace)
        guard let mark = words.firstIndex(of: "(PostgreSQL)"), mark + 1 < words.endIndex else { return nil }
        let digits = words[mark + 1].prefix { $0.isASCII && $0.isNumber }
        return Int(digits)
    }
}
