import ClusterModel
import Platform
import Postgres
import TestSupport
import Testing

extension Acceptance {
    @Suite("Replication slots")
    struct SlotTests {
        @Test("every member keeps one for every other, and those on replicas move along")
        func slots() async throws {
            try await ClusterFixture.running { cluster, primary in
                for member in cluster.members {
                    let wanted = Set(cluster.others(than: member).map { SlotName.of($0.name) })
                    try await eventually("the slots of \(member.name)", within: .seconds(20)) {
                        Set(try member.query("SELECT slot_name FROM pg_replication_slots").compactMap { $0[0] })
                            == wanted
                    }
                }
                try primary.query("CREATE TABLE much AS SELECT repeat('x', 500) FROM generate_series(1, 20000)")
                let position = try primary.value("SELECT pg_current_wal_lsn()")
                let (left, right) = (cluster.others(than: primary)[0], cluster.others(than: primary)[1])
                for (member, other) in [(left, right), (right, left)] {
                    try await eventually("\(member.name) moves the slot of \(other.name)", within: .seconds(20)) {
                        let sql = "SELECT restart_lsn >= $1::pg_lsn FROM pg_replication_slots WHERE slot_name = $2"
                        return try member.query(sql, [position, SlotName.of(other.name)]) == [["t"]]
                    }
                }
            }
        }
    }
}
