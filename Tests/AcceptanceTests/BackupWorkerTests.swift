import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

extension Acceptance {
    @Suite("Base backups by the command line")
    struct BackupWorkerTests {
        @Test("beside a running one another is refused by name; a killed one is no backup, and the next one clears up")
        func killed() async throws {
            var settings = ClusterSettings(members: 1)
            settings.archive = "archive"
            try await ClusterFixture.running(settings) { cluster, primary in
                try primary.query("CREATE TABLE t AS SELECT n, md5(n::text) AS x FROM generate_series(1, 200000) AS n")
                let config = ["--config", primary.configurationFile]
                let running = try start(primary, ["--rate", "4MB"])
                try await eventually("it copies", within: .seconds(30)) {
                    try Files.readText(running.log).contains("copying")
                }
                let (refused, reason) = try await primary.run(["backup", "create"] + config)
                #expect(refused == .exited(1) && reason.contains("\(primary.name) is taking backup"), "\(reason)")
                let (shown, table) = try await primary.run(["backup", "list"] + config)
                #expect(shown == .exited(0) && table.contains("running on \(primary.name)"), "\(table)")
                // At a moment when it has stored a part.
                try await eventually("a part is there", within: .seconds(60)) {
                    try await objects(cluster, "*.index.json.gz").count == 1
                }
                running.child.kill(SIGKILL)
                _ = try await running.child.exit()
                let (listed, list) = try await primary.run(["backup", "list", "--output", "json"] + config)
                #expect(listed == .exited(0) && list.isEmpty, "\(list)")
                let (none, nothing) = try await primary.run(["backup", "verify"] + config)
                #expect(none == .exited(1) && nothing.contains("no finished backup"), "\(nothing)")
                // At once: its process is known to be gone.
                let (taken, backup) = try await primary.run(["backup", "create", "--output", "json"] + config)
                try #require(taken == .exited(0), "\(backup)")
                #expect(try await objects(cluster, "backup.info").count == 1)
                let parts = try await objects(cluster, "data*.tar.gz")
                #expect(Set(parts.map { $0.split(separator: "/").dropLast().last }).count == 1, "\(parts)")
                #expect(try await objects(cluster, "*.index.json.gz").count == parts.count)
                #expect(try await objects(cluster, "*/backup-lock/*").isEmpty)
                let (verified, text) = try await primary.run(["backup", "verify", "all"] + config)
                #expect(verified == .exited(0), "\(text)")
            }
        }

        @Test("a backup that is asked to end leaves nothing, and lets the next one begin")
        func interrupted() async throws {
            var settings = ClusterSettings(members: 1)
            settings.archive = "archive"
            try await ClusterFixture.running(settings) { cluster, primary in
                let running = try start(primary, ["--rate", "2MB"])
                try await eventually("it copies", within: .seconds(30)) {
                    try Files.readText(running.log).contains("copying")
                }
                running.child.kill(SIGTERM)
                let status = try await running.child.exit()
                #expect(status != .exited(0))
                #expect(try await objects(cluster, "*.tar.gz").isEmpty)
                let (taken, backup) = try await primary.run("backup", "create", "--config", primary.configurationFile)
                #expect(taken == .exited(0), "\(backup)")
            }
        }

        /// `pgmahout backup create`, with a file for what it writes.
        private func start(_ member: ClusterMember, _ arguments: [String]) throws -> (child: TestChild, log: String) {
            let log = member.directory + "/backup.log"
            let file = try FileDescriptor(opening: log, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
            var command = try member.command(
                ["backup", "create", "--config", member.configurationFile] + arguments)
            command.output = .descriptor(file.rawValue)
            command.error = command.output
            return (try TestChild(command), log)
        }

        /// Objects of the archive, by a pattern of their whole path.
        private func objects(_ cluster: ClusterFixture, _ pattern: String) async throws -> [Substring] {
            let found = try await TestChildren.output(
                of: Command(
                    "/usr/bin/find",
                    [cluster.directory + "/archive", "-type", "f", "-path", "*/\(pattern)", "-not", "-path", "*/.*"]))
            return found.text.split(separator: "\n")
        }
    }
}
