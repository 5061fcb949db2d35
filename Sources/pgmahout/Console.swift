import FoundationEssentials
import Glibc

/// What is written for people and scripts.
enum Console {
    static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }
    static var inputIsTerminal: Bool { isatty(STDIN_FILENO) == 1 }

    /// A line on standard output.
    static func line(_ text: String) { write(text + "\n", to: STDOUT_FILENO) }

    /// A line on standard error: mistakes and progress, so that standard output holds results only.
    static func error(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

    /// On standard error as it is, without a line break.
    static func progress(_ text: String) { write(text, to: STDERR_FILENO) }

    /// One JSON object on one line, keys sorted.
    static func json(_ value: some Encodable) throws { line(try jsonText(value)) }

    static func jsonText(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    /// Begins a new picture where the terminal shows one at a time.
    static func clearTerminal() {
        if outputIsTerminal { write("\u{1B}[H\u{1B}[2J", to: STDOUT_FILENO) }
    }

    /// Nobody is told when the reader has gone away: there is no place left to tell it.
    private static func write(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno != EINTR { return }
            rest = rest.dropFirst(max(0, count))
        }
    }
}
