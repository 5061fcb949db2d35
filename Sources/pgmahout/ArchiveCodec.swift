import ArgumentParser
import ClusterModel
import Compression
import Glibc
import Platform

extension ArchiveCommand {
    /// For `scripts/bench codec`: how fast compression alone is here, on one core.
    struct Codec: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Measure compression and decompression of files, one line of JSON for each codec.",
            shouldDisplay: false)

        @Argument(help: "Files, all of which are read into memory first.")
        var files: [String]

        @Option(help: ArgumentHelp("How long each codec is measured at least.", valueName: "seconds"))
        var seconds = 2

        private struct Result: Encodable {
            let codec: String
            let level: Int
            /// 10^6 bytes of uncompressed data a second of this thread.
            let compressMBPerSecond: Double
            let decompressMBPerSecond: Double
            /// Uncompressed by compressed.
            let ratio: Double
        }

        func validate() throws {
            guard (1...600).contains(seconds) else { throw ValidationError("--seconds takes 1 to 600") }
        }

        func run() throws {
            let contents: [[UInt8]]
            do throws(SystemError) {
                contents = try files.map { path throws(SystemError) in try Files.read(path, limit: 1 << 30) }
            } catch { throw Failure(.failed, error.description) }
            for engine in GzipEngine.allCases where engine.isAvailable {
                for level in engine == .isal ? [1] : [1, 6] {
                    try Console.json(try measure(GzipCodec(level: level, engine: engine), "\(engine)", contents))
                }
            }
        }

        private func measure(_ codec: GzipCodec, _ name: String, _ contents: [[UInt8]]) throws -> Result {
            let total = contents.reduce(0) { $0 + $1.count }
            var packed: [[UInt8]] = []
            let compression = try rate(total) {
                packed = try contents.map { content in
                    var output: [UInt8] = []
                    output.reserveCapacity(content.count / 2)
                    let encoder = try codec.makeEncoder()
                    let sink: (RawSpan) -> Void = { piece in piece.withUnsafeBytes { output += $0 } }
                    try encoder.write(content.span.bytes, to: sink)
                    try encoder.finish(to: sink)
                    return output
                }
            }
            let decompression = try rate(total) {
                var count = 0
                for object in packed {
                    let decoder = try codec.makeDecoder()
                    try decoder.write(object.span.bytes) { count += $0.byteCount }
                    try decoder.finish()
                }
                guard count == total else { throw Failure(.failed, "\(name) gave back \(count) of \(total) bytes") }
            }
            let stored = packed.reduce(0) { $0 + $1.count }
            return Result(
                codec: name, level: codec.level, compressMBPerSecond: compression,
                decompressMBPerSecond: decompression, ratio: Self.rounded(Double(total) / Double(max(1, stored))))
        }

        /// By the processor time of this thread, so that a busy machine does not count.
        private func rate(_ bytes: Int, _ body: () throws -> Void) throws -> Double {
            let began = Self.processorSeconds()
            var (rounds, spent) = (0, 0.0)
            repeat {
                try body()
                rounds += 1
                spent = Self.processorSeconds() - began
            } while spent < Double(seconds)
            return Self.rounded(Double(bytes * rounds) / 1e6 / spent)
        }

        private static func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }

        private static func processorSeconds() -> Double {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        }
    }
}
