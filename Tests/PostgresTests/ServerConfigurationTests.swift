import ClusterModel
import Platform
import TestSupport
import Testing

@testable import Postgres

@Suite("Configuration files of the server")
struct ServerConfigurationTests {
    private func configuration(
        _ directory: String = "/data", parameters: [String: String] = [:], hba: [String] = [],
        archive: ServerConfiguration.ArchiveClient? = nil, passwordFile: String? = nil
    ) -> ServerConfiguration {
        ServerConfiguration(
            member: "pg-1", dataDirectory: directory, runDirectory: "/run/pgmahout", listen: "0.0.0.0", port: 5433,
            superuser: "postgres", replicationUser: "replicator", replicationPasswordFile: passwordFile,
            parameters: parameters, hostBasedAccess: hba, archive: archive,
            log: .jsonLines(directory: "/run/pgmahout/log"))
    }

    /// Later lines win, as in the server.
    private func settings(_ text: String) -> [String: String] {
        var found: [String: String] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let equals = line.firstRange(of: " = ") else { continue }
            found[String(line[..<equals.lowerBound])] = String(line[equals.upperBound...])
        }
        return found
    }

    @Test("what replication and rewind need is on, whatever the user says")
    func managed() {
        let user = [
            "wal_log_hints": "off", "full_page_writes": "off", "port": "1", "work_mem": "8MB", "wal_level": "minimal",
        ]
        let found = settings(configuration(parameters: user).renderSettings(.primary, control: nil))
        #expect(found["wal_log_hints"] == "'on'")
        #expect(found["full_page_writes"] == "'on'")
        #expect(found["hot_standby"] == "'on'")
        #expect(found["wal_level"] == "'replica'")
        #expect(found["port"] == "'5433'")
        #expect(found["work_mem"] == "'8MB'")
        #expect(found["archive_mode"] == "'off'")
        #expect(found["primary_conninfo"] == "''")
        #expect(found["log_destination"] == "'jsonlog'")
    }

    @Test("a standby streams from its upstream through its slot; without one it receives nothing")
    func standby() {
        let configuration = configuration(passwordFile: "/secrets/replication")
        let upstream = configuration.upstream(host: "10.0.0.2", port: 5432)
        var found = settings(
            configuration.renderSettings(.standby(upstream: upstream, slot: "pgmahout_pg_1"), control: nil))
        #expect(found["primary_slot_name"] == "'pgmahout_pg_1'")
        let conninfo = found["primary_conninfo"] ?? ""
        for part in ["host=10.0.0.2", "user=replicator", "application_name=pg-1", "passfile=/run/pgmahout/pgpass"] {
            #expect(conninfo.contains(part), "\(part)")
        }
        found = settings(configuration.renderSettings(.standby(upstream: nil, slot: "x"), control: nil))
        #expect(found["primary_conninfo"] == "''")
        #expect(found["primary_slot_name"] == "''")
    }

    @Test("slots and senders may be raised, not lowered", arguments: [("3", "'10'"), ("40", "'40'"), ("x", "'10'")])
    func floors(value: String, expected: String) {
        let user = ["max_wal_senders": value, "max_replication_slots": value]
        let found = settings(configuration(parameters: user).renderSettings(.primary, control: nil))
        #expect(found["max_wal_senders"] == expected)
        #expect(found["max_replication_slots"] == expected)
    }

    @Test("a standby's limits are not below those of the primary whose WAL it replays")
    func limits() async throws {
        var control = try await ControlData.read(dataDirectory: PostgresFixture.template())
        control.settings.maxConnections = 500
        control.settings.maxLocksPerTransaction = 10
        let configuration = configuration(parameters: ["max_connections": "50", "max_locks_per_transaction": "128"])
        let standby = settings(configuration.renderSettings(.standby(upstream: nil, slot: nil), control: control))
        #expect(standby["max_connections"] == "'500'")
        #expect(standby["max_locks_per_transaction"] == "'128'")
        let primary = settings(configuration.renderSettings(.primary, control: control))
        #expect(primary["max_connections"] == "'50'")
        #expect(primary["max_worker_processes"] == nil)
    }

    @Test(
        "values are quoted for postgresql.conf",
        arguments: [("it's", "'it''s'"), ("a\\b", "'a\\\\b'"), ("two\nlines", "'two\\nlines'"), ("", "''")])
    func quoting(value: String, expected: String) { #expect(ServerConfiguration.quote(value) == expected) }

    @Test("archive commands survive the shell and the server's own %")
    func archiveCommands() {
        let client = ServerConfiguration.ArchiveClient(program: "/opt/a b/pgmahout-wal", socket: "/run/100%/x.sock")
        let found = settings(configuration(archive: client).renderSettings(.primary, control: nil))
        #expect(found["archive_mode"] == "'on'")
        #expect(
            found["archive_command"]
                == "'''/opt/a b/pgmahout-wal'' push --socket ''/run/100%%/x.sock'' %p %f'")
        #expect(
            found["restore_command"]
                == "'''/opt/a b/pgmahout-wal'' fetch --socket ''/run/100%%/x.sock'' %f %p'")
        #expect(ServerConfiguration.shellWord("/usr/bin/pgmahout-wal") == "/usr/bin/pgmahout-wal")
        #expect(ServerConfiguration.shellWord("a'b") == "'a'\\''b'")
    }

    @Test("ALTER SYSTEM may set anything but what is ours")
    func overrides() {
        let text = "# Do not edit\nwork_mem = '1MB'\nPort = '1'\n  primary_conninfo='host=evil'\n"
        #expect(
            ServerConfiguration.withoutSettings(["port", "primary_conninfo"], text)
                == "# Do not edit\nwork_mem = '1MB'\n")
    }

    @Test("access: our lines come first, names are quoted, replication needs a password when there is one")
    func hostBasedAccess() {
        var with = configuration(hba: ["host all all 0.0.0.0/0 scram-sha-256"], passwordFile: "/secret")
        with.replicationUser = "all"
        let lines = with.renderHostBasedAccess().split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(
            lines == [
                "local all \"postgres\" trust", "local replication \"postgres\" trust",
                "host replication \"all\" all scram-sha-256", "host \"postgres\" \"all\" all scram-sha-256",
                "host all all 0.0.0.0/0 scram-sha-256",
            ])
        let without = configuration().renderHostBasedAccess()
        #expect(without.contains("host replication \"replicator\" samenet trust"))
        #expect(!without.contains(" all trust"))
    }

    @Test("a directory that was a standby or is a backup is never opened as a primary")
    func neverAPrimary() async throws {
        let directory = try TemporaryDirectory()
        let data = directory.file("data")
        try await PostgresFixture.run(Command("/bin/cp", ["-a", PostgresFixture.template(), data]))
        let configuration = configuration(data)
        try Files.writeDurably([UInt8](), to: data + "/backup_label")
        #expect(throws: DataDirectoryError.self) { try configuration.prepareStart(.primary) }
        try Files.remove(data + "/backup_label")
        try configuration.prepareStart(.standby(upstream: nil, slot: nil))
        #expect(Files.exists(data + "/standby.signal"))
        // It was a primary before it was marked, and nothing was replayed since.
        try configuration.prepareStart(.primary)
        #expect(!Files.exists(data + "/standby.signal"))
    }

    @Test("the file of initdb is kept once, overrides go, and a second write changes nothing")
    func files() async throws {
        let directory = try TemporaryDirectory()
        let data = directory.file("data")
        try await PostgresFixture.run(Command("/bin/cp", ["-a", PostgresFixture.template(), data]))
        let original = try Files.readText(data + "/postgresql.conf")
        try Files.writeDurably("wal_level = 'minimal'\nwork_mem = '1MB'\n".utf8, to: data + "/postgresql.auto.conf")
        let configuration = configuration(data)
        try configuration.write(.primary)
        #expect(try Files.readText(data + "/postgresql.conf.initdb") == original)
        #expect(try Files.readText(data + "/postgresql.auto.conf") == "work_mem = '1MB'\n")
        let written = try Files.readText(data + "/postgresql.conf")
        try configuration.write(.primary)
        #expect(try Files.readText(data + "/postgresql.conf.initdb") == original)
        #expect(try Files.readText(data + "/postgresql.conf") == written)
    }
}
