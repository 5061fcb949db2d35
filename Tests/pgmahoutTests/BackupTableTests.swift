import Archive
import ClusterModel
import Testing

@testable import pgmahout

struct BackupTableTests {
    private let backup = {
        var backup = BackupInfo(id: "20260102T030405", status: .done)
        backup.beginTime = Timestamp("2026-01-02T03:04:05Z")
        backup.endTime = Timestamp("2026-01-02T03:05:06Z")
        backup.timeline = TimelineID(2)
        backup.beginLSN = LSN(rawValue: 0x200_0028)
        backup.endLSN = LSN(rawValue: 0x200_0138)
        backup.size = 40 << 20
        return backup
    }()

    @Test("a backup has a row, finished or not")
    func table() {
        let text = BackupTable([BackupInfo(id: "20260101T000000", status: .failed), backup]).text
        #expect(
            text == """
                BACKUP           STATUS  FINISHED              TL  BEGIN LSN    END LSN      SIZE
                20260101T000000  failed  -                      -          -          -         -
                20260102T030405  done    2026-01-02T03:05:06Z   2  0/2000028  0/2000138  40.0 MiB
                """)
    }

    @Test("as JSON, positions and identifiers are text and sizes are bytes")
    func json() throws {
        var backup = backup
        backup.systemIdentifier = SystemIdentifier(rawValue: 7_000_000_000_000_000_001)
        let text = try Console.jsonText(BackupTable.Entry(backup))
        for part in [
            #""id":"20260102T030405""#, #""complete":true"#, #""beginLSN":"0/2000028""#, #""sizeBytes":41943040"#,
            #""systemIdentifier":"7000000000000000001""#,
        ] {
            #expect(text.contains(part))
        }
    }
}
