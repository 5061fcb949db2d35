import ClusterModel
import Testing

@testable import Archive

struct BackupInfoTests {
    /// Written by barman-cloud-backup 3.4.0 for PostgreSQL 15.
    static let sample = """
        backup_label='START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\\nCHECKPOINT LOCATION: 0/2000060\\n\
        BACKUP METHOD: streamed\\nBACKUP FROM: primary\\nSTART TIME: 2026-11-21 00:08:19 UTC\\n\
        LABEL: Barman backup cloud 20261121T000819\\nSTART TIMELINE: 1\\n'
        backup_name=backup-20260115031500
        begin_offset=40
        begin_time=2026-11-21 00:08:19.425207+00:00
        begin_wal=000000010000000000000002
        begin_xlog=0/2000028
        compression=None
        config_file=/pg/data/postgresql.conf
        copy_stats={'total_time': 7.19, 'number_of_workers': 2, 'analysis_time': 0, 'copy_time': 0.2}
        deduplicated_size=None
        end_offset=256
        end_time=2026-11-21 00:08:23.311773+00:00
        end_wal=000000010000000000000002
        end_xlog=0/2000100
        error=None
        hba_file=/pg/data/pg_hba.conf
        ident_file=/pg/data/pg_ident.conf
        included_files=None
        mode=None
        pgdata=/pg/data
        server_name=cloud
        size=None
        status=DONE
        systemid=7710409807607249731
        tablespaces=[('ts1', 16384, '/path/ts')]
        timeline=1
        version=150020
        xlog_segment_size=16777216

        """

    @Test("Barman's own file is understood")
    func reads() throws {
        let info = try BackupInfo(id: "20261121T000819", text: Self.sample)
        #expect(info.status == .done)
        #expect(info.isComplete)
        #expect(info.name == "backup-20260115031500")
        #expect(info.label?.hasSuffix("START TIMELINE: 1\n") == true)
        #expect(info.beginTime == Timestamp("2026-11-21T00:08:19.425207Z"))
        #expect(info.endTime == Timestamp("2026-11-21T00:08:23.311773Z"))
        #expect(info.beginWAL?.description == "000000010000000000000002")
        #expect(info.systemIdentifier == SystemIdentifier(rawValue: 7_710_409_807_607_249_731))
        #expect(info.majorVersion == 15)
        #expect(info.tablespaces == [.init(name: "ts1", oid: 16384, location: "/path/ts")])
        #expect(info.size == nil)
    }

    @Test("Barman's own file is written back as it was, to the byte")
    func roundTrip() throws {
        #expect(try BackupInfo(id: "20261121T000819", text: Self.sample).text == Self.sample)
    }

    @Test("spaces around the sign, comments and blank lines make no difference")
    func tolerance() throws {
        let spaced =
            "# written by hand\n\n"
            + Self.sample.split(separator: "\n").map { line in
                let equals = line.firstIndex(of: "=") ?? line.endIndex
                return line[..<equals] + " = " + line.dropFirst(line[..<equals].count + 1)
            }.joined(separator: "\n")
        #expect(try BackupInfo(id: "20261121T000819", text: spaced).text == Self.sample)
    }

    @Test("our own file has the keys of Barman 3.4 and no others, sorted")
    func keys() throws {
        var info = BackupInfo(id: "20260102T030405", status: .done)
        info.endLSN = LSN(rawValue: 0x300_0000)
        info.timeline = TimelineID(1)
        let lines = info.text.split(separator: "\n")
        let keys = lines.map { String($0.prefix { $0 != "=" }) }
        #expect(keys == keys.sorted())
        let known = Set(Self.sample.split(separator: "\n").map { String($0.prefix { $0 != "=" }) })
        #expect(Set(keys) == known.subtracting(["backup_name"]))
        #expect(lines.contains("server_name=cloud"))
        #expect(lines.contains("end_wal=000000010000000000000002"), "a backup that ends with a segment ends in it")
        #expect(try BackupInfo(id: info.id, text: info.text).endLSN == info.endLSN)
    }

    @Test("keys of newer versions are no obstacle")
    func newerKeys() throws {
        let newer = Self.sample + "cluster_size=123\nencryption=None\n"
        #expect(try BackupInfo(id: "20261121T000819", text: newer).isComplete)
    }

    @Test(
        "a file that cannot be right is refused, and says which key",
        arguments: [
            ("status=DONE", "status=FINE", "status"), ("timeline=1", "timeline=one", "timeline"),
            ("end_xlog=0/2000100", "end_xlog=later", "end_xlog"),
            ("systemid=7710409807607249731", "systemid=x", "systemid"),
            ("xlog_segment_size=16777216", "xlog_segment_size=5", "xlog_segment_size"),
            ("tablespaces=[('ts1', 16384, '/path/ts')]", "tablespaces=[1]", "tablespaces"),
            ("status=DONE\n", "", "status"),
        ])
    func damaged(from: String, to: String, key: String) {
        let text = Self.sample.replacing(from, with: to)
        #expect { try BackupInfo(id: "20261121T000819", text: text) } throws: { ($0 as? BackupInfoError)?.key == key }
    }

    @Test("the size stands where Barman does not see it: its version 3.4 cannot show a backup whose size is set")
    func size() throws {
        var info = try BackupInfo(id: "20261121T000819", text: Self.sample)
        info.size = 987_654_321
        #expect(info.text.contains("\nsize=None\n"))
        #expect(info.text.hasPrefix("#"))
        #expect(try BackupInfo(id: info.id, text: info.text).size == 987_654_321)
        #expect(try BackupInfo(id: info.id, text: Self.sample.replacing("\nsize=None", with: "\nsize=5")).size == 5)
    }

    @Test("a backup without an end is not complete, whatever its status")
    func unfinished() throws {
        let text = Self.sample.replacing("end_time=2026-11-21 00:08:23.311773+00:00", with: "end_time=None")
        #expect(try !BackupInfo(id: "20261121T000819", text: text).isComplete)
    }
}
