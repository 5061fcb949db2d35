import ClusterModel
import Platform
import TestSupport
import Testing

@testable import Postgres

struct PageChecksumsTests {
    @Test("CRC-32C is that of the standard, in one go, in pieces and combined")
    func crc() {
        let text = Array("123456789".utf8)
        #expect(CRC32C.checksum(text) == 0xE306_9283)
        for cut in 0...9 {
            let (first, second) = (Array(text[..<cut]), Array(text[cut...]))
            let sum = first.withUnsafeBytes { CRC32C.update(0, with: $0) }
            #expect(second.withUnsafeBytes { CRC32C.update(sum, with: $0) } == 0xE306_9283)
            let combined = CRC32C.combine(
                CRC32C.checksum(first), CRC32C.checksum(second), count: UInt64(second.count))
            #expect(combined == 0xE306_9283)
        }
        let long = (0..<100_003).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let halves = CRC32C.combine(
            CRC32C.checksum(long[..<77]), CRC32C.checksum(long[77...]), count: UInt64(long.count - 77))
        #expect(CRC32C.checksum(long) == halves)
    }

    @Test(
        "relations are told by their names",
        arguments: [
            ("16384", 0), ("16384.1", 1), ("16384_vm", 0), ("16384_fsm.12", 12), ("16384_init", 0),
            ("PG_VERSION", nil), ("pg_filenode.map", nil), ("16384_x", nil), ("t3_16384", nil), ("16384.", nil),
            ("", nil), ("16384.1.2", nil), ("pg_control", nil), ("16384_vm_1", nil),
        ] as [(String, UInt32?)])
    func relations(name: String, number: UInt32?) {
        #expect(PageChecksums.fileNumber(ofRelation: name) == number)
    }

    @Test("pages of a real cluster pass; a flipped bit does not, unless replay writes the page anew")
    func realPages() async throws {
        let directory = try TemporaryDirectory()
        let data = directory.file("data")
        try giveToPostgres(directory.path)
        try await PostgresFixture.initialize(data, .init(superuser: "postgres", dataChecksums: true))
        let end = LSN(rawValue: .max)
        var pages = 0
        for name in try Files.list(data + "/base/1") where PageChecksums.fileNumber(ofRelation: name) != nil {
            var content = try Files.read("\(data)/base/1/\(name)")
            let check = PageChecksums(start: end)
            #expect(content.withUnsafeBytes { check.firstWrong(in: $0, block: 0) } == nil, "\(name)")
            let count = content.count / PageChecksums.pageSize
            pages += count
            guard count > 1 else { continue }
            // Of another place in the relation.
            let last = count - 1
            #expect(content.withUnsafeBytes { check.firstWrong(in: $0, block: 1) } == 0)
            content[last * PageChecksums.pageSize + 5000] ^= 1
            #expect(content.withUnsafeBytes { check.firstWrong(in: $0, block: 0) } == last)
            #expect(content.withUnsafeBytes { check.firstWrong(in: $0, from: last, block: 0) } == last)
            let early = PageChecksums(start: LSN(rawValue: 1))
            #expect(content.withUnsafeBytes { early.firstWrong(in: $0, block: 0) } == nil)
        }
        #expect(pages > 500)
        // A page that was never written has none.
        let new = [UInt8](repeating: 0, count: PageChecksums.pageSize)
        #expect(new.withUnsafeBytes { PageChecksums(start: end).firstWrong(in: $0, block: 7) } == nil)
    }
}
