import ClusterModel
import Glibc
import Platform
import Postgres
import TestSupport
import Testing

extension Acceptance {
    @Suite("Logical slots")
    struct LogicalSlotTests {
        @Test(
            "that are declared are made, survive a failover with what was not read yet, and follow the former primary",
            .enabled(if: newest() != nil, "scripts/lib/more-postgres brings PostgreSQL 18"))
        func failover() async throws {
            var settings = ClusterSettings(members: 2)
            settings.binDirectory = try #require(Self.newest()).binaries.directory
            settings.more = "slots: {logical: [orders@postgres/pgoutput]}\n"
            try await ClusterFixture.running(settings) { cluster, primary in
                let replica = try #require(cluster.others(than: primary).first)
                func slot(_ member: ClusterMember) throws -> [String?]? {
                    try member.query(
                        "SELECT failover::text, synced::text, temporary::text FROM pg_replication_slots "
                            + "WHERE slot_name = 'orders'"
                    ).first
                }
                try await eventually("the primary has it", within: .seconds(30)) {
                    try slot(primary) == ["true", "false", "false"]
                }
                #expect(try primary.value("SHOW wal_level") == "logical")
                try primary.query("CREATE TABLE orders (id int PRIMARY KEY)")
                try primary.query("CREATE PUBLICATION p FOR TABLE orders")
                try primary.query("INSERT INTO orders VALUES (1)")
                #expect(try changes(primary, taking: true) > 0)
                try await eventually("the replica has a copy that can be used", within: .seconds(60)) {
                    // The copy needs the primary's slot to move, as a subscriber moves it.
                    _ = try changes(primary, taking: true)
                    try primary.query("SELECT pg_log_standby_snapshot()")
                    return try slot(replica) == ["true", "true", "false"]
                }
                try primary.query("INSERT INTO orders VALUES (2)")
                try await cluster.caughtUp(replica, with: primary)
                try await primary.killTree()
                try #require(try await cluster.primary(among: [replica]) === replica)
                #expect(try slot(replica)?.first == "true")
                #expect(try changes(replica, taking: true) > 0)
                #expect(try changes(replica, taking: false) == 0)

                // It has a slot of that name itself, in the place of which it gets a copy.
                try primary.start()
                try #require(try await cluster.settled(within: .seconds(60)) === replica)
                try await eventually("the former primary has a copy", within: .seconds(60)) {
                    try replica.query("INSERT INTO orders SELECT max(id) + 1 FROM orders")
                    _ = try changes(replica, taking: true)
                    try replica.query("SELECT pg_log_standby_snapshot()")
                    return try slot(primary)?[1] == "true"
                }
            }
        }

        @Test("are refused where the server cannot carry them over, with what to do")
        func tooOld() async throws {
            var settings = ClusterSettings(members: 1)
            settings.more = "slots: {logical: [orders@postgres/pgoutput]}\n"
            try await ClusterFixture.with(settings) { cluster in
                let member = try #require(cluster.members.first)
                try member.start()
                #expect(try await member.exit() == .exited(78))
                #expect(member.logs("slots.logical needs PostgreSQL 17 or later"))
                #expect(!Files.exists(member.dataDirectory))
            }
        }

        /// Rows that were changed since the slot was read last.
        private func changes(_ member: ClusterMember, taking: Bool) throws -> Int {
            let verb = taking ? "get" : "peek"
            // I: an insertion.
            let text = try member.value(
                "SELECT count(*) FROM pg_logical_slot_\(verb)_binary_changes('orders', NULL, NULL, 'proto_version', '1', "
                    + "'publication_names', 'p') WHERE get_byte(data, 0) = ascii('I')")
            return text.flatMap { Int($0) } ?? 0
        }

        private static func newest() -> PostgresInstallation? {
            PostgresInstallation.all.first { $0.binaries.directory.contains("/18/") }
        }
    }
}
