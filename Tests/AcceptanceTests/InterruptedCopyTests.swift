import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

extension Acceptance {
    @Suite("Interrupted copies")
    struct InterruptedCopyTests {
        /// How far the making of a data directory has come.
        enum Moment: String, CaseIterable, CustomTestStringConvertible {
            case begun, empty, filling, nearlyDone, adopted
            var testDescription: String { rawValue }

            func hasCome(_ member: ClusterMember, last: String) -> Bool {
                let staging = member.dataDirectory + ".pgmahout-new"
                return switch self {
                case .begun: member.logs("begins")
                case .empty: Files.exists(staging)
                case .filling: Files.exists(staging + "/base/1")
                case .nearlyDone: Files.exists("\(staging)/\(last)")
                case .adopted: Files.exists(member.dataDirectory + "/PG_VERSION")
                }
            }
        }

        @Test("an initdb that is killed with all else is finished by the next start", arguments: Moment.allCases)
        func initialize(moment: Moment) async throws {
            try await ClusterFixture.with(ClusterSettings(members: 1)) { cluster in
                let member = try #require(cluster.members.first)
                try member.start()
                try await eventually("the moment comes", every: .milliseconds(1)) {
                    moment.hasCome(member, last: "global/pg_filenode.map")
                }
                try await member.killTree()
                let primary = try await cluster.startAll()
                #expect(primary.status()?.timeline == TimelineID(1))
                #expect(!Files.exists(member.dataDirectory + ".pgmahout-new"))
                try primary.query("CREATE TABLE proof AS SELECT 1")
            }
        }

        @Test("a clone that is killed, with all else or by the end of PID 1, is finished by the next start")
        func clone() async throws {
            try await ClusterFixture.with(ClusterSettings(members: 2)) { cluster in
                let (primary, replica) = (cluster.members[0], cluster.members[1])
                try primary.start()
                try await cluster.settled(among: [primary])
                // So much that the moments lie apart.
                try primary.query(
                    "CREATE TABLE proof AS SELECT g AS id, repeat(md5(g::text), 10) AS text FROM generate_series(1, 100000) g"
                )
                let deaths: [(Moment, whole: Bool)] = [
                    (.begun, false), (.empty, true), (.filling, false), (.filling, true), (.nearlyDone, false),
                    (.adopted, true),
                ]
                for (moment, whole) in deaths {
                    try replica.start()
                    try await eventually("\(moment) comes", every: .milliseconds(1)) {
                        moment.hasCome(replica, last: "global/pg_control")
                    }
                    if !whole {
                        replica.signal(SIGKILL)
                        try await replica.exit()
                        try await replica.vanished()
                    }
                    try await replica.killTree()
                    try replica.start()
                    try await cluster.settled()
                    try await cluster.caughtUp(replica, with: primary)
                    #expect(try replica.value("SELECT count(*) FROM proof") == "100000")
                    #expect(!Files.exists(replica.dataDirectory + ".pgmahout-new"))
                    try await replica.killTree()
                    try Files.removeTree(replica.dataDirectory)
                    try Files.remove(replica.logFile)
                }
            }
        }
    }
}
