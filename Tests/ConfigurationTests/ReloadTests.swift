import ClusterModel
import Configuration
import Testing

struct ReloadTests {
    @Test("a reload applies what may change while a member runs, and names what waits for the next start")
    func reload() throws {
        let old = try load(minimal())
        let new = try load(
            minimal(
                """
                http: {port: 9000}
                log: {level: debug, format: text}
                shutdown: {fast: 7s}
                replication: {maximumLag: 1MB}
                archive: {directory: /backup}
                """
            ).replacing("{host", with: "{parameters: {work_mem: 8MB}, hba: [local all all peer], host"))
        let reload = old.reloaded(with: new)
        #expect(
            reload.applied == [
                "postgres.parameters", "postgres.hba", "replication.maximumLag", "shutdown.fast",
            ])
        // An archive begins with a start, with all that it has.
        #expect(Array(reload.waiting.prefix(4)) == ["http.port", "log.level", "log.format", "archive.directory"])
        #expect(reload.waiting.dropFirst(3).allSatisfy { $0.hasPrefix("archive.") })
        var expected = old
        expected.postgres.parameters = ["work_mem": "8MB"]
        expected.postgres.hba = ["local all all peer"]
        expected.replication.maximumLag = 1 << 20
        expected.shutdown.fast = .seconds(7)
        #expect(reload.configuration == expected)
    }

    @Test("schedules and retention of an archive that is there change at once")
    func schedules() throws {
        let old = try load(minimal("archive: {directory: /backup, retention: 30d}"))
        let new = try load(minimal("archive: {directory: /backup, backup: {schedule: 0 3 * * *}}"))
        let reload = old.reloaded(with: new)
        #expect(reload.applied == ["archive.retention", "archive.backup.schedule"] && reload.waiting.isEmpty)
        #expect(reload.configuration == new)
    }

    @Test("a setting that is taken out of the file is taken back")
    func removal() throws {
        let old = try load(minimal().replacing("{host", with: "{parameters: {work_mem: 8MB}, host"))
        #expect(old.reloaded(with: try load(minimal())).configuration == (try load(minimal())))
    }

    @Test("what may be absent is taken back as well")
    func absence() throws {
        let old = try load(minimal("traits: {zone: eu-1a, replicateFrom: pg-2, applyDelay: 1h}"))
        #expect(old.traits.applyDelayMilliseconds == 3_600_000)
        let reload = old.reloaded(with: try load(minimal()))
        #expect(reload.applied == ["traits.zone", "traits.replicateFrom", "traits.applyDelay"])
        #expect(reload.configuration == (try load(minimal())))
    }

    @Test("how commits wait changes at once, where the lease is kept at the next start")
    func leadership() throws {
        let old = try load(minimal("peers: {secretFile: /p}"))
        let new = try load(
            minimal("peers: {secretFile: /q}\nsynchronous: {mode: quorum, count: 2}\nballast: {size: 0}")
                .replacing("file: {path: /shared/demo.lease}", with: "store: etcd, etcd: {endpoints: [\"http://e:1\"]}")
        )
        let reload = old.reloaded(with: new)
        #expect(reload.applied == ["ballast.size", "synchronous.mode", "synchronous.count"])
        #expect(
            reload.waiting == [
                "lease.store", "lease.file.path", "lease.etcd.endpoints", "lease.etcd.prefix", "lease.etcd.callTimeout",
                "peers.secretFile",
            ])
        #expect(reload.configuration.lease == old.lease)
    }

    @Test("an unchanged file changes nothing")
    func unchanged() throws {
        let old = try load(minimal())
        let reload = old.reloaded(with: try load(minimal()))
        #expect(reload.applied.isEmpty && reload.waiting.isEmpty && reload.configuration == old)
    }
}
