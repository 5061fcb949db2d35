import Archive
import Testing

@testable import pgmahout

struct ProgressLineTests {
    @Test("progress says how far it is, how fast, and how long it will still take, as far as that is known")
    func text() {
        var progress = ArchiveProgress(phase: "copying")
        #expect(ProgressLine.text(progress) == "copying")
        progress.bytesDone = 3 << 20
        #expect(ProgressLine.text(progress) == "copying: 3.0 MiB")
        progress.bytesTotal = 12 << 20
        #expect(ProgressLine.text(progress) == "copying: 3.0 MiB of 12.0 MiB, 25 %")
        #expect(
            ProgressLine.text(progress, (rate: 3 << 20, left: .seconds(3)))
                == "copying: 3.0 MiB of 12.0 MiB, 25 %, 3.0 MiB/s, 3 s left")
        // Files may have grown meanwhile.
        progress.bytesDone = 13 << 20
        #expect(ProgressLine.text(progress) == "copying: 13.0 MiB of 12.0 MiB, 100 %")
    }

    @Test("what is left is told in units that people count in")
    func left() {
        #expect(Amounts.left(.zero) == "0 s")
        #expect(Amounts.left(.seconds(119)) == "119 s")
        #expect(Amounts.left(.seconds(121)) == "3 min")
        #expect(Amounts.left(.seconds(12_000)) == "3 h 20 min")
    }
}
