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
        #expect(primary["max_worker_processes"] == "'8'")
        #expect(standby.keys.sorted() == primary.keys.sorted())
    }

    @Test("the leader of a cluster that follows another streams and restores as it was told")
    func standbyLeader() {
        let client = ServerConfiguration.ArchiveClient(program: "/p", socket: "/s")
        var configuration = configuration(archive: client)
        configuration.applyDelayMilliseconds = 1500
        var remote = ServerConfiguration.RemotePrimary(
            conninfo: "host=a,b user=x", slot: "other", restoreCommand: "fetch %f %p")
        var found = settings(configuration.renderSettings(.standbyLeader(remote), control: nil))
        #expect(found["primary_conninfo"] == "'host=a,b user=x'")
        #expect(found["primary_slot_name"] == "'other'")
        #expect(found["restore_command"] == "'fetch %f %p'")
        #expect(found["recovery_min_apply_delay"] == "'1500ms'")
        remote = ServerConfiguration.RemotePrimary(conninfo: nil, slot: "other")
        found = settings(configuration.renderSettings(.standbyLeader(remote), control: nil))
        #expect(found["primary_conninfo"] == "''" && found["primary_slot_name"] == "''")
        #expect(found["restore_command"]?.contains("/p fetch") == true)
        configuration.restoresFromArchive = false
        found = settings(configuration.renderSettings(.standby(upstream: nil, slot: nil), control: nil))
        #expect(found["restore_command"] == "''")
        #expect(found["archive_command"]?.contains("/p push") == true)
        // A primary applies nothing late.
        #expect(settings(configuration.renderSettings(.primary, control: nil))["recovery_min_apply_delay"] == "'0ms'")
    }

    @Test("logical slots are carried over where the server can do that", arguments: [15, 16, 17, 18])
    func failoverSlots(major: Int) {
        var configuration = configuration(parameters: ["hot_standby_feedback": "off", "wal_level": "logical"])
        configuration.failoverSlots = ServerConfiguration.FailoverSlots(
            major: major, standbySlots: ["pgmahout_pg_3", "pgmahout_pg_2"])
        let found = settings(configuration.renderSettings(.standby(upstream: nil, slot: nil), control: nil))
        #expect(found["sync_replication_slots"] == (major >= 17 ? "'on'" : nil))
        #expect(found["hot_standby_feedback"] == (major >= 17 ? "'on'" : "'off'"))
        #expect(
            found["synchronized_standby_slots"] == (major >= 17 ? "'pgmahout_pg_2, pgmahout_pg_3'" : nil))
    }

    @Test("a copy receives WAL under a name that no member has")
    func cloneName() {
        let source = configuration().upstream(host: "10.0.0.2", port: 5432)
        let command = PostgresFixture.tools.baseBackup(from: source, into: "/new", slot: "s")
        #expect(command.arguments.contains { $0.contains("application_name='clone of pg-1'") })
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
