import ClusterModel
import Testing

@testable import Archive

struct ProgressEstimateTests {
    private func moment(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: UInt64(milliseconds) * 1_000_000) }

    @Test("the time that is left follows from the pace of the phase, not of what came before it")
    func pace() {
        var estimate = ProgressEstimate()
        #expect(estimate.note(ArchiveProgress(phase: "checkpoint"), at: moment(0)) == nil)
        func copied(_ bytes: UInt64, at time: Int64) -> (rate: UInt64, left: Duration)? {
            estimate.note(ArchiveProgress(phase: "copying", bytesDone: bytes, bytesTotal: 1000), at: moment(time))
        }
        #expect(copied(0, at: 60_000) == nil)
        #expect(copied(100, at: 60_500) == nil, "too early to tell")
        let first = copied(200, at: 62_000)
        #expect(first?.rate == 100 && first?.left == .seconds(8))
        #expect(copied(1000, at: 70_000)?.left == .zero)
        // Files may have grown meanwhile.
        #expect(copied(1200, at: 72_000)?.left == .zero)
        #expect(estimate.note(ArchiveProgress(phase: "copying", bytesDone: 5), at: moment(80_000)) == nil)
    }
}
