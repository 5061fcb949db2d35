import ClusterModel
import Glibc
import Platform
import Postgres
import TestSupport
import Testing

extension Acceptance {
    @Suite("What members are made for")
    struct TraitsTests {
        @Test("a cascade, a delayed replica, one without readers, and who takes over by priority")
        func traits() async throws {
            let settings = ClusterSettings(members: 4)
            let traits = [
                "", "traits: {failoverPriority: 5}\n", "traits: {replicateFrom: pg-2, noLoadBalance: true}\n",
                "traits: {applyDelay: 1h, failoverPriority: 9}\n",
            ]
            try await ClusterFixture.with(settings) { cluster in
                for (member, own) in zip(cluster.members, traits) {
                    var settings = settings
                    settings.more = own
                    try cluster.configure(member, settings)
                }
                let (first, second) = (cluster.members[0], cluster.members[1])
                let (third, fourth) = (cluster.members[2], cluster.members[3])
                try first.start()
                try #require(try await cluster.primary() === first)
                try second.start()
                try #require(try await cluster.settled(among: [first, second]) === first)
                try third.start()
                try fourth.start()
                try await eventually("the third streams from the second", within: .seconds(40)) {
                    third.status()?.upstream == "pg-2" && third.status()?.streaming == true
                        && (try? second.value("SELECT application_name FROM pg_stat_replication")) == "pg-3"
                }
                try await eventually("the fourth streams from the primary", within: .seconds(40)) {
                    fourth.status()?.upstream == "pg-1" && fourth.status()?.streaming == true
                }
                try first.query("CREATE TABLE t AS SELECT 1 AS i")
                try await cluster.caughtUp(third, with: first)
                let position = try first.value("SELECT pg_current_wal_lsn()")
                try await eventually("the delayed one has it, and shows it later", within: .seconds(20)) {
                    try fourth.query(
                        "SELECT pg_last_wal_receive_lsn() >= $1::pg_lsn AND to_regclass('t') IS NULL", [position])
                        == [["t"]]
                }
                #expect(second.probe("/replica") == 200)
                #expect(third.probe("/replica") == 503)
                #expect(third.probe("/readyz") == 200)

                try await first.killTree()
                let next = try await cluster.primary(among: [second, third, fourth])
                #expect(next === second)
                try await eventually("the third follows", within: .seconds(30)) {
                    third.status()?.upstream == "pg-2" && third.status()?.streaming == true
                }
                // PostgreSQL asks for no more WAL while it waits with what it has: streaming comes with the next record
                // that is due, in an hour. Its slot keeps the WAL until then.
                try await eventually("the fourth has been told, and the new primary keeps WAL for it") {
                    try fourth.value("SHOW primary_conninfo")?.contains("port=\(second.port) ") == true
                        && second.query("SELECT slot_name FROM pg_replication_slots").contains([
                            SlotName.of(fourth.name)
                        ])
                }
            }
        }
    }
}
