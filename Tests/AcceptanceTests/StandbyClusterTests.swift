import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

extension Acceptance {
    @Suite("A cluster that follows another one")
    struct StandbyClusterTests {
        /// Two clusters of two members, each with a store of its own; the second follows the first.
        private static func pair(
            always: Bool = false,
            _ body: (_ east: ClusterFixture, _ primary: ClusterMember, _ west: ClusterFixture, ClusterMember)
                async throws -> Void
        ) async throws {
            var settings = ClusterSettings(members: 2)
            settings.cluster = "east"
            try await ClusterFixture.running(settings) { east, primary in
                var following = settings
                following.cluster = "west"
                following.more = section(east)
                if always { (following.archive, following.archiving) = ("archive", "  always: true\n") }
                try await ClusterFixture.with(following) { west in
                    for member in west.members { try member.start() }
                    try await body(east, primary, west, leader(of: west))
                }
            }
        }

        private static func section(_ cluster: ClusterFixture, initially: String = "follow") -> String {
            let hosts = cluster.members.map { "\"127.0.0.1:\($0.port)\"" }.joined(separator: ", ")
            return "standbyCluster: {initially: \(initially), hosts: [\(hosts)]}\n"
        }

        /// Waits until one of the members leads the follower and streams, and the others stream from it.
        private static func leader(
            of cluster: ClusterFixture, among wanted: [ClusterMember]? = nil, line: Int = #line
        ) async throws -> ClusterMember {
            let wanted = wanted ?? cluster.members
            return try await eventualValue(
                "one of \(wanted.map(\.name)) leads the follower", within: .seconds(60), every: .milliseconds(50),
                line: line
            ) {
                let statuses = wanted.compactMap { member in member.status().map { (member, $0) } }
                guard statuses.count == wanted.count else { return nil }
                let leaders = statuses.filter(\.1.leadsStandby)
                guard let (leader, head) = leaders.first, leaders.count == 1, head.streaming, head.ready else {
                    return nil
                }
                let others = statuses.filter { $0.0 !== leader }
                return others.allSatisfy { $1.streaming && $1.ready && $1.upstream == leader.name } ? leader : nil
            }
        }

        private static func has(_ cluster: ClusterFixture, _ sql: String, _ value: String) async throws {
            for member in cluster.members {
                try await eventually("\(member.name) has it", within: .seconds(30)) {
                    (try? member.value(sql)) == value
                }
            }
        }

        private static func demote(_ member: ClusterMember) async throws -> String {
            let (status, text) = try await member.run(
                "cluster", "demote", "--config", member.configurationFile, "--output", "json")
            try #require(status == .exited(0), "\(text)")
            let token = try #require(member.cluster()?.demotion)
            return token.description
        }

        private static func promote(_ member: ClusterMember, _ arguments: String...) async throws -> String {
            let (status, text) = try await member.run(
                ["cluster", "promote", "--config", member.configurationFile] + arguments)
            try #require(status == .exited(0), "\(text)")
            return text
        }

        @Test("streams from it through a failover there and the loss of its own leader, and accepts no write")
        func follows() async throws {
            try await Self.pair(always: true) { east, primary, west, leader in
                try primary.query("CREATE TABLE t AS SELECT 1 AS i")
                try await Self.has(west, "SELECT max(i) FROM t", "1")
                // archive_mode = always: what it receives goes into its own archive; the other member waits for that.
                let segment = try #require(try primary.value("SELECT pg_walfile_name(pg_switch_wal())"))
                for member in west.members {
                    #expect(try member.value("SHOW archive_mode") == "always")
                    try await eventually("\(member.name) has it archived", within: .seconds(30)) {
                        Files.exists("\(west.directory)/archive/west/wals/\(segment.prefix(16))/\(segment).gz")
                            && member.metric("pgmahout_archiver_ready_files") == 0
                    }
                }
                let (shown, table) = try await leader.run("cluster", "status", "--config", leader.configurationFile)
                #expect(shown == .exited(0) && table.contains("follows another cluster: \(leader.name) streams"))
                let system = try primary.value("SELECT system_identifier FROM pg_control_system()")
                #expect(try leader.value("SELECT system_identifier FROM pg_control_system()") == system)
                for member in west.members {
                    #expect(member.probe("/primary") == 503 && member.probe("/replica") == 200)
                    #expect(member.probe("/standby-leader") == (member === leader ? 200 : 503))
                    #expect(member.metric("pgmahout_standby_cluster") == 1)
                    #expect(throws: (any Error).self) { try member.query("CREATE TABLE forbidden ()") }
                }
                #expect(leader.metric("pgmahout_standby_cluster_healthy") == 1)
                // The other cluster does not take it for one of its own members.
                #expect(
                    try primary.value("SELECT count(*) FROM pg_stat_replication WHERE application_name = 'pg-1'")
                        == (primary.name == "pg-1" ? "0" : "1"))

                // A failover there: its timeline is followed.
                try await primary.killTree()
                let next = try await east.primary(among: east.others(than: primary))
                try next.query("INSERT INTO t VALUES (2)")
                try await Self.has(west, "SELECT max(i) FROM t", "2")
                #expect(try await Self.leader(of: west) === leader)

                // The leader here is lost: the other one takes over, on the same timeline.
                let other = try #require(west.others(than: leader).first)
                try await leader.killTree()
                #expect(try await Self.leader(of: west, among: [other]) === other)
                try next.query("INSERT INTO t VALUES (3)")
                try await eventually("it streams", within: .seconds(20)) {
                    (try? other.value("SELECT max(i) FROM t")) == "3"
                }
                #expect(other.status()?.timeline == next.status()?.timeline)
                try leader.start()
                #expect(try await Self.leader(of: west) === other)
                let (status, text) = try await other.run(
                    "switchover", "--config", other.configurationFile, "--to", leader.name.rawValue)
                #expect(status == .exited(0), "\(text)")
                #expect(try await Self.leader(of: west) === leader)
            }
        }

        @Test("there and back by tokens, under load, loses no acknowledged row, and a used token is refused")
        func tokens() async throws {
            try await Self.pair { east, primary, west, _ in
                for member in east.members {
                    var settings = east.settings
                    settings.more = Self.section(west, initially: "lead")
                    try east.configure(member, settings)
                    member.signal(SIGHUP)
                }
                try await eventually("all know of the other cluster") {
                    east.members.allSatisfy { $0.logs("the configuration was read again") }
                }
                let writer = try ClusterWriter.start(on: primary, among: east.members + west.members)
                try await writer.more(100)
                let leader = try await Self.leader(of: west)
                let first = try await Self.demote(primary)
                let refused = try await leader.run(
                    "cluster", "promote", "--config", leader.configurationFile, "--token",
                    "9" + first.dropFirst())
                #expect(refused.status == .exited(1))
                #expect(refused.text.contains("token is of the system"), "\(refused.text)")
                _ = try await Self.promote(leader, "--token", first)
                let there = try await west.settled()
                try await writer.more(100)
                #expect(try await Self.leader(of: east).status()?.timeline == there.status()?.timeline)
                #expect(there.cluster()?.lastTransition?.kind == .promotion)

                // A token is good once: somebody has written since.
                let again = try await Self.leader(of: east).run(
                    "cluster", "promote", "--config", primary.configurationFile, "--token", first)
                #expect(again.status == .exited(1))
                #expect(again.text.contains("somebody has led since"), "\(again.text)")
                let forced = try await Self.leader(of: east).run(
                    "cluster", "promote", "--config", primary.configurationFile)
                #expect(forced.status == .exited(1))
                #expect(forced.text.contains("without a token"), "\(forced.text)")

                // And back, with everything restarted between the two steps.
                let second = try await Self.demote(there)
                for member in east.members + west.members { try await member.killTree() }
                for member in east.members + west.members { try member.start() }
                try await eventually("the other side is up", within: .seconds(30)) {
                    east.members.contains { $0.status()?.leadsStandby == true }
                }
                let back = try #require(east.members.first { $0.status()?.leadsStandby == true })
                _ = try await Self.promote(back, "--token", second)
                let home = try await east.settled()
                try await writer.more(100)
                try await writer.stop()
                try #require(try writer.missing(on: home) == [])
                #expect(Set(writer.rows.map(\.member)).count >= 1)
                let last = try await Self.leader(of: west)
                try await west.caughtUp(last, with: home)
                try #require(try writer.missing(on: last) == [])
                #expect(home.cluster()?.remote == nil && last.cluster()?.remote != nil)
            }
        }
    }
}

extension Acceptance {
    @Suite("A cluster that follows the archive of another one")
    struct ArchiveStandbyTests {
        @Test("alone: from a backup, through a timeline switch, with its lag in the metrics; then it leads itself")
        func archiveOnly() async throws {
            var settings = ClusterSettings(members: 2)
            settings.cluster = "east"
            settings.archive = "archive"
            try await ClusterFixture.running(settings) { east, primary in
                let config = ["--config", primary.configurationFile]
                try primary.query("CREATE TABLE t AS SELECT 1 AS i")
                let (taken, text) = try await primary.run(["backup", "create"] + config)
                try #require(taken == .exited(0), "\(text)")
                try primary.query("INSERT INTO t VALUES (2)")
                try primary.query("SELECT pg_switch_wal()")

                var following = settings
                following.cluster = "west"
                following.more = """
                    standbyCluster:
                      archive: {directory: \(east.directory)/archive, server: east}

                    """
                try await ClusterFixture.with(following) { west in
                    for member in west.members { try member.start() }
                    for member in west.members { try await Self.has(member, "2") }
                    let leader = try #require(west.members.first { $0.status()?.leadsStandby == true })
                    let other = try #require(west.others(than: leader).first)
                    #expect(leader.probe("/primary") == 503 && leader.probe("/readyz") == 200)
                    try await eventually("the other one streams from it", within: .seconds(30)) {
                        other.status()?.upstream == leader.name && other.status()?.streaming == true
                    }

                    // A failover there makes a timeline; the archive is all that is known of it.
                    try await primary.killTree()
                    let next = try await east.primary(among: east.others(than: primary))
                    try next.query("INSERT INTO t VALUES (3)")
                    try next.query("SELECT pg_switch_wal()")
                    for member in west.members { try await Self.has(member, "3") }
                    try await eventually("it knows that it has all", within: .seconds(20)) {
                        (leader.metric("pgmahout_standby_cluster_lag_bytes") ?? 1e12) < 2_097_152
                            && leader.metric("pgmahout_standby_cluster_healthy") == 1
                    }
                    try await eventually("it says that it is on that timeline") {
                        leader.status()?.timeline == next.status()?.timeline
                    }

                    // The archive goes away and comes back.
                    try await Self.move("\(east.directory)/archive", "\(east.directory)/away")
                    try await eventually("that is seen", within: .seconds(20)) {
                        leader.metric("pgmahout_standby_cluster_healthy") == 0
                    }
                    try await Self.move("\(east.directory)/away", "\(east.directory)/archive")
                    try await eventually("that is seen", within: .seconds(20)) {
                        leader.metric("pgmahout_standby_cluster_healthy") == 1
                    }

                    // A demotion leaves the last record in the archive, though its segment is not full.
                    try next.query("INSERT INTO t VALUES (4)")
                    let (demoted, demotion) = try await next.run(
                        "cluster", "demote", "--config", next.configurationFile, "--to", "127.0.0.1:\(leader.port)")
                    try #require(demoted == .exited(0), "\(demotion)")
                    let token = try #require(next.cluster()?.demotion).description
                    let before = try await Self.files("\(east.directory)/archive")
                    let (promoted, promotion) = try await leader.run(
                        "cluster", "promote", "--config", leader.configurationFile, "--token", token)
                    try #require(promoted == .exited(0), "\(promotion)")
                    let head = try await west.settled()
                    #expect(try head.value("SELECT max(i) FROM t") == "4")
                    try head.query("INSERT INTO t VALUES (5)")
                    try head.query("SELECT pg_switch_wal()")
                    try await eventually("it archives for itself", within: .seconds(30)) {
                        !Files.exists("\(west.directory)/archive/west")
                            ? false
                            : head.metric("pgmahout_archiver_ready_files") == 0
                    }
                    let history = WALFileName.history(head.status()?.timeline ?? TimelineID(0))
                    #expect(Files.exists("\(west.directory)/archive/west/wals/\(history).gz"))
                    // Nothing of it went into the other one's, which follows it now.
                    let after = try await Self.files("\(east.directory)/archive")
                    let segments = "/" + (head.status()?.timeline?.hex ?? "") + "0000"
                    #expect(!after.subtracting(before).contains { $0.contains(segments) })
                    try await Self.has(next, "5")
                }
            }
        }

        private static func has(_ member: ClusterMember, _ value: String) async throws {
            try await eventually("\(member.name) has \(value)", within: .seconds(60)) {
                (try? member.value("SELECT max(i) FROM t")) == value
            }
        }

        private static func move(_ from: String, _ to: String) async throws {
            _ = try await TestChildren.output(of: Command("/bin/mv", [from, to]))
        }

        private static func files(_ directory: String) async throws -> Set<String> {
            let found = try await TestChildren.output(of: Command("/usr/bin/find", [directory, "-type", "f"]))
            return Set(found.text.split(separator: "\n").map(String.init))
        }
    }
}
