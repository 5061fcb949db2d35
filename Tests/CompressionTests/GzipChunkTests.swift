import Platform
import TestSupport
import Testing

@testable import Compression

struct GzipChunkTests {
    static let codecs = GzipEngine.allCases.map { GzipCodec(engine: $0) } + [GzipCodec(level: 6)]

    /// Text, noise and zeros by turns.
    private func sample(_ count: Int) -> [UInt8] {
        var state: UInt64 = 88_172_645_463_325_252
        return (0..<count).map { index in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            switch index / 50_000 % 3 {
            case 0: return UInt8(truncatingIfNeeded: state)
            case 1: return UInt8(ascii: "a") + UInt8(state % 7)
            default: return 0
            }
        }
    }

    private func encode(_ input: [UInt8], _ codec: GzipCodec, sizes: [Int]) throws -> ([UInt8], [GzipChunk]) {
        let encoder = try GzipChunkEncoder(codec, largestChunk: sizes.max() ?? 1)
        var member = GzipMember()
        var output = GzipMember.header
        var chunks: [GzipChunk] = []
        var position = 0
        var turn = 0
        while position < input.count {
            let end = min(position + sizes[turn % sizes.count], input.count)
            try encoder.write(input.span.extracting(position..<end).bytes) { chunk, bytes in
                chunks.append(chunk)
                member.add(chunk)
                bytes.withUnsafeBytes { output.append(contentsOf: $0) }
            }
            (position, turn) = (end, turn + 1)
        }
        return (output + member.trailer, chunks)
    }

    @Test("chunks make one member that Python's stream reader and the system's gzip read", arguments: codecs)
    func foreignReaders(codec: GzipCodec) async throws {
        let directory = try TemporaryDirectory()
        for (name, count) in [("empty", 0), ("one", 1), ("many", 2_500_000)] {
            let input = sample(count)
            let (output, chunks) = try encode(input, codec, sizes: [1 << 20, 1, 333_333])
            #expect(chunks.reduce(0) { $0 + $1.uncompressed } == count)
            let frame = GzipMember.header.count + GzipMember.trailerSize
            #expect(chunks.reduce(0) { $0 + $1.compressed } == output.count - frame)
            try Files.writeDurably(input, to: directory.file(name))
            try Files.writeDurably(output, to: directory.file(name + ".gz"))
            let script = """
                import sys, tarfile
                s = tarfile._Stream(None, 'r', 'gz', open(sys.argv[1] + '.gz', 'rb'), 10240)
                data = s.read(10_000_000)
                assert data == open(sys.argv[1], 'rb').read(), len(data)
                """
            var command = Command("/usr/bin/env", ["python3", "-c", script, name])
            command.workingDirectory = directory.path
            #expect(try await TestChildren.run(command) == .exited(0))
            command = Command("/bin/sh", ["-c", "gzip -t \(name).gz && gzip -dc \(name).gz | cmp - \(name)"])
            command.workingDirectory = directory.path
            #expect(try await TestChildren.run(command) == .exited(0))
        }
    }

    @Test("each chunk is inflated by itself, whoever wrote it", arguments: codecs, GzipEngine.allCases)
    func randomAccess(codec: GzipCodec, reader: GzipEngine) throws {
        let input = sample(700_000)
        let (output, chunks) = try encode(input, codec, sizes: [65_536, 100_000])
        let decoder = try GzipChunkDecoder(GzipCodec(engine: reader))
        var compressedEnd = output.count - GzipMember.trailerSize
        var end = input.count
        for chunk in chunks.reversed() {
            let bytes = output.span.extracting(compressedEnd - chunk.compressed..<compressedEnd).bytes
            var result = [UInt8](repeating: 1, count: chunk.uncompressed)
            try result.withUnsafeMutableBytes { try decoder.read(bytes, into: $0, sum: chunk.sum) }
            #expect(result[...] == input[end - chunk.uncompressed..<end])
            compressedEnd -= chunk.compressed
            end -= chunk.uncompressed
        }
        #expect(end == 0)
    }

    @Test("a chunk that is cut, damaged, or of another length or sum than told is an error", arguments: codecs)
    func damaged(codec: GzipCodec) throws {
        let input = sample(120_000)
        let (output, chunks) = try encode(input, codec, sizes: [120_000])
        let decoder = try GzipChunkDecoder(codec)
        let chunk = try #require(chunks.first)
        let start = GzipMember.header.count
        func read(_ bytes: [UInt8], _ count: Int, _ sum: UInt32) throws {
            var result = [UInt8](repeating: 0, count: count)
            try result.withUnsafeMutableBytes { try decoder.read(bytes.span.bytes, into: $0, sum: sum) }
        }
        let whole = Array(output[start..<start + chunk.compressed])
        #expect(throws: CompressionError.self) { try read(Array(whole.prefix(5000)), input.count, chunk.sum) }
        #expect(throws: CompressionError.self) { try read(whole, input.count + 1, chunk.sum) }
        #expect(throws: CompressionError.self) { try read(whole, input.count - 1, chunk.sum) }
        #expect(throws: CompressionError.self) { try read(whole, input.count, chunk.sum &+ 1) }
        for position in [0, 1000, whole.count / 2] {
            var bad = whole
            bad[position] ^= 4
            #expect(throws: CompressionError.self) { try read(bad, input.count, chunk.sum) }
        }
        // None of that disturbs what comes after.
        try read(whole, input.count, chunk.sum)
    }

    @Test("no chunk is larger than announced, and none is empty")
    func sizes() throws {
        let encoder = try GzipChunkEncoder(GzipCodec(), largestChunk: 10)
        #expect(throws: CompressionError.self) { try encoder.write(RawSpan()) { _, _ in } }
        #expect(throws: CompressionError.self) {
            try encoder.write([UInt8](repeating: 0, count: 11).span.bytes) { _, _ in }
        }
    }
}
