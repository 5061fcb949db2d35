import ClusterModel
import Platform
import TestSupport
import Testing

@testable import Postgres

@Suite("pg_control")
struct ControlDataTests {
    private func golden() async throws -> [UInt8] {
        try Files.read(await PostgresFixture.template() + "/global/pg_control")
    }

    @Test("says what pg_controldata says of a fresh initdb")
    func agreesWithPgControldata() async throws {
        let directory = try await PostgresFixture.template()
        let control = try ControlData.read(dataDirectory: directory)
        let command = Command(
            PostgresFixture.binaries.path("pg_controldata"), [directory], environment: PostgresFixture.tools.environment
        )
        var printed: [String: String] = [:]
        for line in try await PostgresFixture.run(command).split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            printed[String(line[..<colon])] = String(line[line.index(after: colon)...].drop { $0 == " " })
        }
        let expected: [(key: String, value: any CustomStringConvertible)] = [
            ("pg_control version number", control.version),
            ("Catalog version number", control.catalogVersion),
            ("Database system identifier", control.systemIdentifier),
            ("Database cluster state", control.state),
            ("Latest checkpoint location", control.checkpoint),
            ("Latest checkpoint's REDO location", control.redo),
            ("Latest checkpoint's TimeLineID", control.checkpointTimeline),
            ("Latest checkpoint's PrevTimeLineID", control.previousTimeline),
            ("Minimum recovery ending location", control.minRecoveryPoint),
            ("Min recovery ending loc's timeline", control.minRecoveryTimeline?.rawValue ?? 0),
            ("Backup start location", control.backupStart),
            ("Backup end location", control.backupEnd),
            ("wal_log_hints setting", control.walLogHints ? "on" : "off"),
            ("max_connections setting", control.settings.maxConnections),
            ("max_worker_processes setting", control.settings.maxWorkerProcesses),
            ("max_wal_senders setting", control.settings.maxWALSenders),
            ("max_prepared_xacts setting", control.settings.maxPreparedTransactions),
            ("max_locks_per_xact setting", control.settings.maxLocksPerTransaction),
            ("Database block size", control.blockSize),
            ("Bytes per WAL segment", control.walSegmentSize),
            ("Data page checksum version", control.dataChecksums ? 1 : 0),
        ]
        for (key, value) in expected { #expect(printed[key] == value.description, "\(key)") }
        #expect(control.dataChecksums)
        #expect(control.isCleanlyShutDown)
        #expect(control.wasPrimary)
    }

    @Test("is refused when any byte of it was changed")
    func everyByteCounts() async throws {
        let bytes = try await golden()
        // From behind the version, whose change is told apart, to the end of the checksum itself.
        for index in 12..<292 {
            var damaged = bytes
            damaged[index] ^= 0x40
            #expect(throws: ControlDataError.checksumMismatch) { try ControlData.parse(damaged) }
        }
    }

    @Test("of another version or cut short is refused by what is wrong with it")
    func foreignFormats() async throws {
        var bytes = try await golden()
        #expect(throws: ControlDataError.truncated(100)) { try ControlData.parse(Array(bytes[..<100])) }
        bytes.replaceSubrange(8..<12, with: [0xE8, 0x03, 0, 0])
        #expect(throws: ControlDataError.unknownVersion(1000)) { try ControlData.parse(bytes) }
    }

    @Test("is read in the layout of PostgreSQL 17 and 18 too", arguments: [(1700, 288), (1800, 292)])
    func newerLayouts(version: UInt32, crcOffset: Int) async throws {
        var bytes = try await golden()
        let expected = try ControlData.parse(bytes)
        withUnsafeBytes(of: version.littleEndian) { bytes.replaceSubrange(8..<12, with: $0) }
        // 18 has one byte more in front of the nonce, and padding up to the CRC.
        if version == 1800 { bytes.replaceSubrange(256..<292, with: [1] + bytes[256..<288] + [0, 0, 0]) }
        withUnsafeBytes(of: CRC32C.checksum(bytes[..<crcOffset]).littleEndian) {
            bytes.replaceSubrange(crcOffset..<crcOffset + 4, with: $0)
        }
        var control = try ControlData.parse(bytes)
        #expect(control.version == version)
        control.version = expected.version
        #expect(control == expected)
    }

    @Test("a missing file is an error that names it")
    func missing() {
        let error = #expect(throws: ControlDataError.self) { try ControlData.read(dataDirectory: "/nonexistent") }
        #expect(error?.description.contains("/nonexistent/global/pg_control") == true)
    }

    @Test("CRC-32C of the standard's check input")
    func checksum() {
        #expect(CRC32C.checksum(Array("123456789".utf8)) == 0xE306_9283)
        #expect(CRC32C.checksum([]) == 0)
    }
}
