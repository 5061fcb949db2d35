import ClusterModel
import Glibc
import Platform
import Postgres
import TestSupport
import Testing

extension Acceptance {
    @Suite("Members that come and go")
    struct MembershipTests {
        @Test("slots and the set that commits wait for follow a member that comes, and one that is removed")
        func scale() async throws {
            var settings = ClusterSettings(members: 3)
            try await ClusterFixture.with(settings) { cluster in
                let secret = cluster.directory + "/secret"
                try Files.writeDurably(Array("of all members\n".utf8), to: secret, mode: 0o600)
                try giveToPostgres(secret)
                settings.more = "peers: {secretFile: \(secret)}\nsynchronous: {mode: quorum, count: 1}\n"
                for member in cluster.members { try cluster.configure(member, settings) }
                let first = Array(cluster.members.prefix(2))
                let third = cluster.members[2]
                for member in first { try member.start() }
                let primary = try await cluster.settled(among: first)
                let replica = try #require(first.first { $0 !== primary })
                try await ClusterFixture.synchronous(cluster, primary, members: 1)

                try third.start()
                try #require(try await cluster.settled() === primary)
                try await ClusterFixture.synchronous(cluster, primary, members: 2)
                for (member, others) in [(primary, [replica, third]), (replica, [primary, third])] {
                    try await slots(of: member, are: others)
                }

                // A member that runs would enter itself again.
                let early = try primary.request("DELETE", "/v1/members/\(third.name)", within: .seconds(10))
                #expect(early.status == 409, "\(early.text)")
                try await third.stop()
                try await eventually("it can be removed", within: .seconds(30)) {
                    let answer = try primary.request("DELETE", "/v1/members/\(third.name)", within: .seconds(10))
                    return [200, 202].contains(answer.status)
                }
                try await eventually("it is in nothing any more", within: .seconds(30)) {
                    guard let status = primary.cluster(), let state = status.synchronous else { return false }
                    return state.members == [replica.name] && state.votes == 1
                        && !status.members.contains { $0.member.name == third.name }
                }
                try await slots(of: primary, are: [replica])
                try await slots(of: replica, are: [primary])
                let names = try primary.value("SHOW synchronous_standby_names") ?? ""
                #expect(names.contains("\(replica.name)") && !names.contains("\(third.name)"), "\(names)")

                // And back again, with the data that it has.
                try third.start()
                try #require(try await cluster.settled() === primary)
                try await slots(of: primary, are: [replica, third])
                try await ClusterFixture.synchronous(cluster, primary, members: 2)
            }
        }

        private func slots(of member: ClusterMember, are others: [ClusterMember]) async throws {
            let wanted = Set(others.map { SlotName.of($0.name) })
            try await eventually("the slots of \(member.name) are \(wanted)", within: .seconds(30)) {
                Set(try member.query("SELECT slot_name FROM pg_replication_slots").compactMap { $0[0] }) == wanted
            }
        }
    }
}
