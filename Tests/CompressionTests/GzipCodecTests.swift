import Glibc
import Platform
import TestSupport
import Testing

@testable import Compression

/// Both engines: what the tests run on has ISA-L.
struct GzipCodecTests {
    static let codecs = GzipEngine.allCases.map { GzipCodec(engine: $0) } + [GzipCodec(level: 6)]

    @Test("ISA-L is here, does level 1, and leaves the other levels to zlib")
    func engines() {
        #expect(GzipEngine.isal.isAvailable)
        #expect(GzipCodec(level: 1).writes == .isal)
        #expect(GzipCodec(level: 2).writes == .zlib)
        #expect(GzipCodec(level: 1, engine: .zlib).writes == .zlib)
    }

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
        for codec: any Codec in Self.codecs + [IdentityCodec()] as [any Codec] {
            for pieces in [1 << 20, 70_000, 333] {
                let compressed = try encode(input, with: codec, pieces: pieces)
                #expect(try decode(compressed, with: codec, pieces: pieces) == input)
            }
        }
    }

    @Test("what one engine wrote the other one reads", arguments: GzipEngine.allCases)
    func engineAgainstEngine(writer: GzipEngine) throws {
        let input = sample(1_000_000)
        for chunks in [false, true] {
            let compressed = try encode(input, with: GzipCodec(engine: writer), pieces: 100_000, chunks: chunks)
            for reader in GzipEngine.allCases {
                #expect(try decode(compressed, with: GzipCodec(engine: reader), pieces: 4096) == input)
            }
        }
    }

    @Test("highly compressible data, more output than one buffer for one input, comes back", arguments: codecs)
    func expansion(codec: GzipCodec) throws {
        let input = [UInt8](repeating: 0, count: 16 << 20)
        let compressed = try encode(input, with: codec, pieces: 1 << 20)
        #expect(compressed.count < 100_000)
        #expect(try decode(compressed, with: codec, pieces: 1 << 20) == input)
    }

    @Test("equal input gives equal output, so that retries make equal objects", arguments: codecs)
    func deterministic(codec: GzipCodec) throws {
        let input = sample(100_000)
        #expect(try encode(input, with: codec) == encode(input, with: codec))
    }

    @Test(
        "Python's gzip, with a name, a comment, an extra field or a checksum in its header, is read", arguments: codecs)
    func foreignWriter(codec: GzipCodec) async throws {
        let input = sample(300_000)
        let directory = try TemporaryDirectory()
        try Files.writeDurably(input, to: directory.file("x"))
        let script = """
            import gzip, struct, zlib
            data = open('x', 'rb').read()
            with gzip.open('named.gz', 'wb', 9) as f: f.write(data)
            raw = zlib.compressobj(6, zlib.DEFLATED, -15)
            body = raw.compress(data) + raw.flush()
            end = struct.pack('<II', zlib.crc32(data), len(data))
            head = b'\\x1f\\x8b\\x08' + bytes([2 | 4 | 8 | 16]) + bytes(6) + struct.pack('<H', 3) + b'abc' + b'n\\0c\\0'
            head += struct.pack('<H', zlib.crc32(head) & 0xffff)
            open('all.gz', 'wb').write(head + body + end)
            """
        var command = Command("/usr/bin/env", ["python3", "-c", script])
        command.workingDirectory = directory.path
        #expect(try await TestChildren.run(command) == .exited(0))
        for name in ["named.gz", "all.gz"] {
            let content = try Files.read(directory.file(name))
            for pieces in [1, 777, 1 << 20] {
                #expect(try decode(content, with: codec, pieces: pieces) == input, "\(name), \(pieces)")
            }
        }
    }

    @Test("the system's gzip reads it, with and without chunks", arguments: codecs, [false, true])
    func foreignReader(codec: GzipCodec, chunks: Bool) async throws {
        let input = sample(3_000_000)
        let compressed = try encode(input, with: codec, pieces: 1 << 20, chunks: chunks)
        let directory = try TemporaryDirectory()
        try Files.writeDurably(compressed, to: directory.file("x.gz"))
        try Files.writeDurably(input, to: directory.file("x"))
        let line = "gzip -t x.gz && gzip -dc x.gz | cmp - x"
        var command = Command("/bin/sh", ["-c", line])
        command.workingDirectory = directory.path
        #expect(try await TestChildren.run(command) == .exited(0))
    }

    @Test("a chunked stream is one gzip member, as Barman's stream reader needs it", arguments: codecs)
    func oneMember(codec: GzipCodec) throws {
        let compressed = try encode(sample(3_000_000), with: codec, pieces: 1 << 20, chunks: true)
        #expect(compressed.starts(with: [0x1F, 0x8B, 8, 0]))
        // Each chunk ends with an empty stored block at a byte boundary.
        let marker: [UInt8] = [0, 0, 0xFF, 0xFF]
        let markers = compressed.indices.dropLast(3).filter { compressed[$0..<$0 + 4].elementsEqual(marker) }
        #expect(markers.count >= 3)
    }

    @Test("several members in one file are read as one stream", arguments: codecs)
    func severalMembers(codec: GzipCodec) throws {
        let first = sample(10_000)
        let second = sample(500)
        let both = try encode(first, with: codec) + encode(second, with: codec)
        #expect(try decode(both, with: codec) == first + second)
    }

    @Test("a truncated stream is an error, wherever it was cut", arguments: codecs)
    func truncated(codec: GzipCodec) throws {
        let compressed = try encode(sample(5000), with: codec)
        for count in [0, 5, 10, 100, compressed.count - 8, compressed.count - 1] {
            #expect(throws: CompressionError.truncated) {
                try decode(Array(compressed.prefix(count)), with: codec)
            }
        }
    }

    @Test("a flipped bit is an error, by the checksum at the latest", arguments: codecs)
    func corrupt(codec: GzipCodec) throws {
        let compressed = try encode(sample(5000), with: codec)
        for position in [0, 20, compressed.count / 2, compressed.count - 6] {
            var damaged = compressed
            damaged[position] ^= 0x10
            #expect(throws: CompressionError.self) { try decode(damaged, with: codec) }
        }
    }

    @Test("text is no gzip data, and neither is what follows a complete stream", arguments: codecs)
    func notGzip(codec: GzipCodec) throws {
        #expect(throws: CompressionError.self) { try decode(Array("plain text".utf8), with: codec) }
        let followed = try encode(sample(100), with: codec) + Array("tail".utf8)
        #expect(throws: CompressionError.self) { try decode(followed, with: codec) }
    }
}
