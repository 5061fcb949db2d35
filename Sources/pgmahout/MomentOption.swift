import Archive
import ArgumentParser

/// A time of day on the command line.
struct MomentOption: ExpressibleByArgument, Hashable {
    /// Since 1970.
    let milliseconds: Int64

    init?(argument: String) {
        guard let timestamp = Timestamp(argument) else { return nil }
        milliseconds = timestamp.microseconds / 1000
    }

    var text: String { Timestamp(microseconds: milliseconds * 1000).iso8601 }

    static func help(_ text: String) -> ArgumentHelp {
        ArgumentHelp(
            "\(text) ISO 8601 with an offset, such as 2026-01-02T03:04:05Z or 2026-01-02T03:04+02:00.",
            valueName: "time")
    }
}
