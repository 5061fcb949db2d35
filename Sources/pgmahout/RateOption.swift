import ArgumentParser
import Configuration

/// How fast bulk work may read.
struct RateOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Read at most so much a second, such as 50MB (units of 1024). Default: no limit.", valueName: "size"),
        transform: { text in
            guard let bytes = Quantities.bytes(text), bytes > 0 else {
                throw ValidationError("'\(text)' is no amount such as 50MB")
            }
            return bytes
        })
    var rate: UInt64?

    /// 0: no limit.
    var bytesPerSecond: UInt64 { rate ?? 0 }
}
