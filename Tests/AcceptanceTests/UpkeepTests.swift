import ClusterModel
import FoundationEssentials
import Glibc
import Platform
import Postgres
import TestSupport
import Testing

extension Acceptance {
    @Suite("Upkeep of the archive")
    struct UpkeepTests {
        private func jobs(_ member: ClusterMember) -> JobsStatus? {
            guard let answer = try? member.request("GET", "/v1/jobs"), answer.status == 200 else { return nil }
            return try? JSONDecoder().decode(JobsStatus.self, from: Data(answer.text.utf8))
        }

        /// Of the archive: those that are finished.
        private func backups(_ cluster: ClusterFixture) async throws -> [String] {
            try await objects(cluster, "backup.info").compactMap { $0.split(separator: "/").dropLast().last }.sorted()
                .map(String.init)
        }

        /// By a pattern of their whole path.
        private func objects(_ cluster: ClusterFixture, _ pattern: String) async throws -> [Substring] {
            let found = try await TestChildren.output(
                of: Command(
                    "/usr/bin/find",
                    [cluster.directory + "/archive", "-type", "f", "-path", "*/\(pattern)", "-not", "-path", "*/.*"]))
            return found.text.split(separator: "\n")
        }

        private func worker(_ member: ClusterMember, _ kind: JobKind) -> ProcessID? {
            ClusterProcesses.belonging(to: member.directory).first { process in
                let title = ClusterProcesses.title(of: process)
                return title.contains("job work \(kind.rawValue)") && !title.contains("--tie")
            }
        }

        @Test("a schedule in seconds, whoever leads; a worker and a leader that die are replaced, once, one at a time")
        func schedule() async throws {
            var settings = ClusterSettings(members: 3)
            settings.archive = "archive"
            settings.archiving = """
                  jobs: {patience: 3s, inspectEvery: 1s, timeZone: Europe/Berlin}
                  backup: {schedule: "*/4 * * * * *", from: primary, rate: 12MiB}

                """
            try await ClusterFixture.running(settings) { cluster, primary in
                try await eventually("two backups are there", within: .seconds(60)) {
                    try await backups(cluster).count >= 2
                }
                try await eventually("the archive is counted", within: .seconds(20)) {
                    (primary.metric(#"pgmahout_archive_backups{status="good"}"#) ?? 0) >= 2
                }
                let first = try #require(primary.metric("pgmahout_archive_first_recoverable_timestamp_seconds"))
                let last = try #require(primary.metric("pgmahout_archive_last_recoverable_timestamp_seconds"))
                #expect(abs(Double(time(nil)) - first) < 120 && last >= first && abs(Double(time(nil)) - last) < 120)
                #expect(primary.metric("pgmahout_archive_missing_segments") == 0)
                #expect((primary.metric("pgmahout_archive_last_backup_bytes") ?? 0) > 100_000)
                #expect((primary.metric("pgmahout_archive_last_backup_duration_seconds") ?? -1) >= 0)
                #expect(
                    cluster.others(than: primary).allSatisfy { $0.metric("pgmahout_archive_wal_files") == nil },
                    "whoever does not lead does not count")

                let (killed, process) = try await running(primary)
                Processes.signal(process, SIGKILL)
                let failed = try await eventualValue("its end is recorded", within: .seconds(20)) {
                    jobs(primary)?.book.last[.backup].flatMap { $0.id == killed.id ? $0 : nil }
                }
                #expect(failed.outcome == .failed && failed.message.contains("SIGKILL"), "\(failed)")
                let (second, _) = try await running(primary, behind: killed.id)
                #expect(second.attempt == 2 && second.id.hasPrefix(killed.id), "\(second)")

                // The leader, in the middle of a backup.
                try await primary.killTree()
                let next = try await cluster.primary(among: cluster.others(than: primary))
                let lost = try await eventualValue("its loss is recorded", within: .seconds(30)) {
                    jobs(next)?.book.last[.backup].flatMap { $0.id == second.id ? $0 : nil }
                }
                #expect(lost.outcome == .lost && lost.member == primary.name, "\(lost)")
                let before = try await backups(cluster)
                try await eventually("somebody else takes the backup", within: .seconds(60)) {
                    jobs(next)?.book.lastGood[.backup]?.member == next.name
                }
                #expect(try await backups(cluster).count > before.count)
                let (verified, text) = try await next.run("backup", "verify", "all", "--config", next.configurationFile)
                #expect(verified == .exited(0), "\(text)")
                let log = cluster.members.map(\.log).joined()
                for id in [killed.id, second.id] {
                    let ends = log.split(separator: "\n").count {
                        $0.contains(#""a job ended""#) && $0.contains("\"\(id)\"")
                    }
                    #expect(ends == 1, "the end of \(id) was told \(ends) times")
                }
            }
        }

        @Test("a first backup is taken at once, by a standby, and goes on when another member takes the lead")
        func immediate() async throws {
            var settings = ClusterSettings(members: 3)
            settings.archive = "archive"
            settings.archiving = """
                  jobs: {patience: 5s, inspectEvery: 1s}
                  backup: {immediate: true, from: standby, rate: 4MiB}

                """
            try await ClusterFixture.running(settings) { cluster, primary in
                let job = try await eventualValue("a standby copies", within: .seconds(30)) { () -> RunningJob? in
                    guard let status = jobs(primary), status.progress?.phase == "copying" else { return nil }
                    return status.book.running
                }
                #expect(job.origin == "immediate" && job.member.name != primary.name)
                let next = try #require(
                    cluster.others(than: primary).first { $0.name != job.member.name })
                let (switched, text) = try await primary.run(
                    "switchover", "--to", "\(next.name)", "--config", primary.configurationFile)
                try #require(switched == .exited(0), "\(text)")
                let ended = try await eventualValue("it has ended", within: .seconds(60)) {
                    jobs(next)?.book.last[.backup]
                }
                #expect(ended.id == job.id && ended.outcome == .succeeded, "\(ended)")
                #expect(ended.member == job.member.name)
                let (verified, words) = try await next.run(
                    "backup", "verify", "all", "--config", next.configurationFile)
                #expect(verified == .exited(0), "\(words)")
            }
        }

        @Test("each new backup is restored once and what it makes superfluous goes; a dry run changes nothing")
        func retention() async throws {
            var settings = ClusterSettings(members: 2)
            settings.archive = "archive"
            settings.archiving = """
                  retention: REDUNDANCY 1
                  jobs: {inspectEvery: 1s}
                  drill:
                    afterEachBackup: true
                    database: app
                    role: app
                    queries: ["SELECT count(*) = 1000 FROM proof"]

                """
            try await ClusterFixture.running(settings) { cluster, primary in
                let config = ["--config", primary.configurationFile]
                try primary.query("CREATE ROLE app")
                try primary.query("CREATE DATABASE app OWNER app")
                try fill(primary, "app", rows: 1000)
                let lock = try foreignLock(cluster)
                for round in 1...2 {
                    let before = jobs(primary)?.book.lastGood ?? [:]
                    let (asked, text) = try await primary.run(["job", "run", "backup"] + config)
                    try #require(asked == .exited(0), "\(text)")
                    if round == 1 {
                        try await eventually("it waits for another member's lock", within: .seconds(20)) {
                            jobs(primary)?.progress?.phase == "waiting for the backup of pg-9 to end"
                        }
                        try Files.remove(lock)
                    }
                    try await eventually("it is taken, restored, and applied to", within: .seconds(60)) {
                        let book = jobs(primary)?.book
                        return [JobKind.backup, .drill, .retention].allSatisfy { kind in
                            book?.lastGood[kind].map { $0 != before[kind] } ?? false
                        }
                    }
                }
                let standby = cluster.others(than: primary)[0]
                let last = try #require(jobs(primary)?.book)
                #expect(last.lastGood[.backup]?.member == standby.name && last.lastGood[.drill]?.member == standby.name)
                #expect(last.lastGood[.retention]?.message.contains("deleted 1 backups") == true, "\(last)")
                let left = try await backups(cluster)
                #expect(left.count == 1)
                let (drilled, drills) = try await primary.run(["drill", "list", "--output", "json"] + config)
                #expect(drilled == .exited(0) && drills.split(separator: "\n").count == 2, "\(drills)")
                for check in ["database app", "role app", "query 1", "pg_amcheck"] { #expect(drills.contains(check)) }
                try await eventually("it is counted", within: .seconds(20)) {
                    primary.metric("pgmahout_archive_last_drill_success") == 1
                        && primary.metric(#"pgmahout_archive_backups{status="good"}"#) == 1
                        && primary.metric("pgmahout_archive_missing_segments") == 0
                }

                let (taken, other) = try await primary.run(["backup", "create"] + config)
                try #require(taken == .exited(0), "\(other)")
                let all = try await objects(cluster, "*")
                let (planned, plan) = try await primary.run(["retention", "plan"] + config)
                #expect(planned == .exited(0) && plan.contains(left[0]) && plan.contains("delete"), "\(plan)")
                #expect(try await objects(cluster, "*") == all, "a dry run changed the archive")
                let (kept, _) = try await primary.run(["backup", "keep", left[0]] + config)
                #expect(kept == .exited(0))
                let (none, nothing) = try await primary.run(["retention", "apply", "--yes"] + config)
                #expect(none == .exited(0), "\(nothing)")
                #expect(try await backups(cluster).count == 2)
                let (released, _) = try await primary.run(["backup", "keep", left[0], "--release"] + config)
                #expect(released == .exited(0))
                let (applied, words) = try await primary.run(["retention", "apply", "--yes"] + config)
                #expect(applied == .exited(0), "\(words)")
                let newest = try await backups(cluster)
                #expect(newest.count == 1 && newest != left)
                let (refused, reason) = try await primary.run(["backup", "delete", newest[0], "--yes"] + config)
                #expect(refused == .exited(1) && reason.contains("last good one"), "\(reason)")
                let (verified, text) = try await primary.run(["backup", "verify", "all"] + config)
                #expect(verified == .exited(0), "\(text)")
            }
        }

        @Test(
            "dumps by job and by command: published only when complete, the last ones kept, restored in part and whole")
        func dumps() async throws {
            var settings = ClusterSettings(members: 2)
            settings.archive = "archive"
            settings.archiving = """
                  dump: {keep: 2, from: primary}
                  jobs: {inspectEvery: 1s, attempts: 1}

                """
            try await ClusterFixture.running(settings) { cluster, primary in
                let config = ["--config", primary.configurationFile]
                try primary.query("CREATE ROLE app")
                try primary.query("CREATE DATABASE app OWNER app")
                try fill(primary, "app", rows: 1000)

                // pg_dump waits for a lock, and is killed in the middle.
                var info = primary.connection()
                info.database = "app"
                let holder = try SQLConnection.open(info, deadline: BootClock.now() + .seconds(5))
                let deadline = BootClock.now() + .seconds(30)
                _ = try holder.query("BEGIN", [], deadline: deadline)
                _ = try holder.query("LOCK TABLE proof", [], deadline: deadline)
                try await request(primary, .dump)
                let process = try await eventualValue("pg_dump of app waits", within: .seconds(20)) {
                    () -> ProcessID? in
                    let waiting = try primary.value(
                        "SELECT count(*) FROM pg_stat_activity WHERE datname = 'app' AND wait_event_type = 'Lock'")
                    guard waiting == "1" else { return nil }
                    return ClusterProcesses.belonging(to: primary.directory).first {
                        let title = ClusterProcesses.title(of: $0)
                        return title.contains("/pg_dump ") && !title.contains("--tie")
                    }
                }
                Processes.signal(process, SIGKILL)
                try await eventually("the dump has failed", within: .seconds(20)) {
                    jobs(primary)?.book.last[.dump]?.outcome == .failed
                }
                holder.close()
                #expect(try await dumps(primary).isEmpty)
                #expect(try await objects(cluster, "dumps/*.json").isEmpty)

                for count in 1...3 {
                    let before = jobs(primary)?.book.lastGood[.dump]
                    try await request(primary, .dump)
                    try await eventually("dump \(count) is there", within: .seconds(30)) {
                        jobs(primary)?.book.lastGood[.dump].map { $0 != before } ?? false
                    }
                }
                #expect(try await dumps(primary).count == 2)
                try await eventually("they are counted", within: .seconds(20)) {
                    primary.metric("pgmahout_archive_dumps") == 2
                        && abs(
                            Double(time(nil)) - (primary.metric("pgmahout_archive_last_dump_timestamp_seconds") ?? 0))
                            < 60
                }

                let content = try content(primary, "app")
                let restore = ["dump", "restore", "latest"]
                let (refused, reason) = try await primary.run(restore + config)
                #expect(refused == .exited(1) && reason.contains("'app' is there already"), "\(reason)")
                let (part, text) = try await primary.run(restore + ["--database", "app", "--into", "copy"] + config)
                #expect(part == .exited(0), "\(text)")
                #expect(try self.content(primary, "copy") == content)
                try primary.query("DROP DATABASE copy")
                try primary.query("DROP DATABASE app")
                try primary.query("DROP ROLE app")
                let (whole, words) = try await primary.run(restore + config)
                #expect(whole == .exited(0), "\(words)")
                #expect(try self.content(primary, "app") == content)
                #expect(try primary.value("SELECT count(*) FROM pg_roles WHERE rolname = 'app'") == "1")
            }
        }

        /// As of a member of another machine that fell silent a moment ago.
        private func foreignLock(_ cluster: ClusterFixture) throws -> String {
            let place = "\(cluster.directory)/archive/\(cluster.settings.cluster)/pgmahout/backup-lock"
            try Files.makeDirectory(place, mode: 0o755)
            try giveToPostgres(place)
            let now = "2999-01-01T00:00:00Z"
            let text = """
                {"name": "pg-9", "backupID": "20260101T000000", "processSpace": "elsewhere", "process": 1,
                "processStart": 1, "startedAt": "\(now)", "renewedAt": "\(now)"}
                """
            try Files.writeDurably(Array(text.utf8), to: place + "/0000000001.json", mode: 0o644)
            return place + "/0000000001.json"
        }

        // MARK: Asking

        private func request(_ member: ClusterMember, _ kind: JobKind) async throws {
            let (asked, text) = try await member.run("job", "run", kind.rawValue, "--config", member.configurationFile)
            guard asked == .exited(0) else { throw FixtureError(text) }
        }

        private func dumps(_ member: ClusterMember) async throws -> [Substring] {
            let (status, text) = try await member.run(
                "dump", "list", "--output", "json", "--config", member.configurationFile)
            guard status == .exited(0) else { throw FixtureError(text) }
            return text.split(separator: "\n")
        }

        private func ask(_ member: ClusterMember, _ database: String, _ sql: String) throws -> [[String?]] {
            var info = member.connection()
            info.database = database
            let deadline = BootClock.now() + .seconds(10)
            let connection = try SQLConnection.open(info, deadline: deadline)
            defer { connection.close() }
            return try connection.query(sql, [], deadline: deadline)
        }

        private func fill(_ member: ClusterMember, _ database: String, rows: Int) throws {
            _ = try ask(
                member, database,
                "CREATE TABLE proof AS SELECT g AS id, md5(g::text) AS text FROM generate_series(1, \(rows)) g")
        }

        private func content(_ member: ClusterMember, _ database: String) throws -> [[String?]] {
            try ask(member, database, "SELECT count(*), md5(string_agg(id || text, ',' ORDER BY id)) FROM proof")
        }

        /// A backup that is being copied at this moment, and its worker.
        private func running(
            _ member: ClusterMember, behind earlier: String? = nil
        ) async throws -> (job: RunningJob, worker: ProcessID) {
            try await eventualValue("a backup is being copied", within: .seconds(60), every: .milliseconds(20)) {
                guard let status = jobs(member), let job = status.book.running, job.kind == .backup, job.id != earlier,
                    status.progress?.phase == "copying", let process = worker(member, .backup)
                else { return nil }
                return (job, process)
            }
        }
    }
}
