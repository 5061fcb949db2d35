import Compression
import Glibc
import Platform
import TestSupport
import Testing

struct GzipCodecTests {
    private func encode(_ input: [UInt8], with codec: any Codec, pieces: Int = 1000, chunks: Bool = false) throws
        -> [UInt8]
    {
        let encoder = try codec.makeEncoder()
        var output: [UInt8] = []
        let sink: (RawSpan) -> Void = { piece in piece.withUnsafeBytes { output.append(contentsOf: $0) } }
        var position = 0
        while position < input.count {
            let end = min(position + pieces, input.count)
            try encoder.write(input.span.extracting(position..<end).bytes, to: sink)
            if chunks { try encoder.endChunk(to: sink) }
            position = end
        }
        try encoder.finish(to: sink)
        return output
    }

    private func decode(_ input: [UInt8], with codec: any Codec, pieces: Int = 777) throws -> [UInt8] {
        let decoder = try codec.makeDecoder()
        var output: [UInt8] = []
        var position = 0
        while position < input.count {
            let end = min(position + pieces, input.count)
            try decoder.write(input.span.extracting(position..<end).bytes) { piece in
                piece.withUnsafeBytes { output.append(contentsOf: $0) }
            }
            position = end
        }
        try decoder.finish()
        return output
    }

    /// Half of it compresses well, half of it not at all.
    private func sample(_ count: Int) -> [UInt8] {
        var state: UInt64 = 88_172_645_463_325_252
        return (0..<count).map { index in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return index % 2048 < 1024 ? UInt8(truncatingIfNeeded: state) : UInt8(truncatingIfNeeded: index / 2048)
        }
    }

    @Test(
        "what was compressed comes back, whatever its size and the size of the pieces",
        arguments: [0, 1, 1000, 300_000])
    func roundTrip(count: Int) throws {
        let input = sample(count)
        for codec: any Codec in [GzipCodec(), GzipCodec(level: 6), IdentityCodec()] {
            for pieces in [1 << 20, 70_000, 333] {
                let compressed = try encode(input, with: codec, pieces: pieces)
                #expect(try decode(compressed, with: codec, pieces: pieces) == input)
            }
        }
    }

    @Test("highly compressible data, more output than one buffer for one input, comes back")
    func expansion() throws {
        let input = [UInt8](repeating: 0, count: 16 << 20)
        let compressed = try encode(input, with: GzipCodec(), pieces: 1 << 20)
        #expect(compressed.count < 100_000)
        #expect(try decode(compressed, with: GzipCodec(), pieces: 1 << 20) == input)
    }

    @Test("equal input gives equal output, so that retries make equal objects")
    func deterministic() throws {
        let input = sample(100_000)
        #expect(try encode(input, with: GzipCodec()) == encode(input, with: GzipCodec()))
    }

    @Test("the system's gzip reads it, with and without chunks", arguments: [false, true])
    func foreignReader(chunks: Bool) async throws {
        let input = sample(3_000_000)
        let compressed = try encode(input, with: GzipCodec(), pieces: 1 << 20, chunks: chunks)
        let directory = try TemporaryDirectory()
        try Files.writeDurably(compressed, to: directory.file("x.gz"))
        try Files.writeDurably(input, to: directory.file("x"))
        let line = "gzip -t x.gz && gzip -dc x.gz | cmp - x"
        var command = Command("/bin/sh", ["-c", line])
        command.workingDirectory = directory.path
        #expect(try await TestChildren.run(command) == .exited(0))
    }

    @Test("a chunked stream is one gzip member, as Barman's stream reader needs it")
    func oneMember() throws {
        let compressed = try encode(sample(3_000_000), with: GzipCodec(), pieces: 1 << 20, chunks: true)
        #expect(compressed.starts(with: [0x1F, 0x8B, 8, 0]))
        // Each chunk ends with an empty stored block at a byte boundary.
        let marker: [UInt8] = [0, 0, 0xFF, 0xFF]
        let markers = compressed.indices.dropLast(3).filter { compressed[$0..<$0 + 4].elementsEqual(marker) }
        #expect(markers.count >= 3)
    }

    @Test("several members in one file are read as one stream")
    func severalMembers() throws {
        let first = sample(10_000)
        let second = sample(500)
        let both = try encode(first, with: GzipCodec()) + encode(second, with: GzipCodec())
        #expect(try decode(both, with: GzipCodec()) == first + second)
    }

    @Test("a truncated stream is an error, wherever it was cut")
    func truncated() throws {
        let compressed = try encode(sample(5000), with: GzipCodec())
        for count in [0, 5, 10, 100, compressed.count - 8, compressed.count - 1] {
            #expect(throws: CompressionError.truncated) {
                try decode(Array(compressed.prefix(count)), with: GzipCodec())
            }
        }
    }

    @Test("a flipped bit is an error, by the checksum at the latest")
    func corrupt() throws {
        let compressed = try encode(sample(5000), with: GzipCodec())
        for position in [0, 20, compressed.count / 2, compressed.count - 6] {
            var damaged = compressed
            damaged[position] ^= 0x10
            #expect(throws: CompressionError.self) { try decode(damaged, with: GzipCodec()) }
        }
    }

    @Test("text is no gzip data, and neither is what follows a complete stream")
    func notGzip() throws {
        #expect(throws: CompressionError.self) { try decode(Array("plain text".utf8), with: GzipCodec()) }
        let followed = try encode(sample(100), with: GzipCodec()) + Array("tail".utf8)
        #expect(throws: CompressionError.self) { try decode(followed, with: GzipCodec()) }
    }
}
