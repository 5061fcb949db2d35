import ClusterModel
import Testing

@Suite("Names of WAL files")
struct WALFileNameTests {
    @Test(
        "all four kinds are read and written alike",
        arguments: [
            "000000010000000000000002", "0000000A000000FF000000FE", "000000010000000000000002.partial",
            "00000002.history",
            "000000010000000000000002.00000028.backup",
        ])
    func roundTrip(name: String) throws {
        #expect(try #require(WALFileName(name)).description == name)
    }

    @Test(
        "anything else is none",
        arguments: [
            "", "00000001000000000000000", "0000000100000000000000021", "00000001000000000000000g",
            "0000000a000000ff000000fe", "000000000000000000000002", "../00000002.history",
            "000000010000000000000002.gz",
            "00000000.history", "0000000100000000000001FF", "000000010000000000000002.28.backup",
        ])
    func refused(name: String) {
        #expect(WALFileName(name) == nil)
    }

    @Test("segments know where they begin and end, whatever their size", arguments: [1, 16, 64, 1024] as [UInt64])
    func positions(mebibytes: UInt64) throws {
        let size = mebibytes << 20
        let position = LSN(rawValue: 0x2_1234_5678)
        let segment = WALSegment(timeline: TimelineID(5), containing: position, size: size)
        #expect(segment.start <= position && position < segment.end)
        #expect(segment.next.start == segment.end)
        #expect(try #require(WALSegment(segment.description, size: size)) == segment)
    }
}
