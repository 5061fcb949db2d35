import CPlatform
import Testing

@testable import Platform

@Suite
struct RunningCRC32CTests {
    @Test("the checksum is that of RFC 3720, in pieces of any size, with and without the processor's help")
    func vectors() {
        let cases: [([UInt8], UInt32)] = [
            ([], 0), (Array("123456789".utf8), 0xE306_9283), ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
            ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43), ((0..<32).map { UInt8($0) }, 0x46DD_794E),
        ]
        for (bytes, expected) in cases {
            for cut in 0...bytes.count {
                var sum = RunningCRC32C()
                sum.add(bytes.span.extracting(0..<cut).bytes)
                sum.add(bytes.span.extracting(cut..<bytes.count).bytes)
                #expect(sum.value == expected)
                var (first, second) = (RunningCRC32C(), RunningCRC32C())
                first.add(bytes.span.extracting(0..<cut).bytes)
                second.add(bytes.span.extracting(cut..<bytes.count).bytes)
                let both = RunningCRC32C.combine(first.value, second.value, count: UInt64(bytes.count - cut))
                #expect(both == expected)
            }
            #expect(cpf_crc32c_by_tables(0, bytes, UInt(bytes.count)) == expected)
        }
    }
}
