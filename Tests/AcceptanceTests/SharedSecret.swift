import ClusterModel
import Platform
import TestSupport

extension ClusterFixture {
    /// A running cluster whose members share a secret, so that they consent and vote.
    static func sharing(
        _ mode: SynchronousMode, members: Int = 3, count: Int = 1, lease: ClusterSettings.Lease = .quick,
        more: String = "", _ body: (ClusterFixture, _ primary: ClusterMember) async throws -> Void
    ) async throws {
        var settings = ClusterSettings(members: members)
        settings.lease = lease
        try await with(settings) { cluster in
            let secret = cluster.directory + "/secret"
            try Files.writeDurably(Array("of all members\n".utf8), to: secret, mode: 0o600)
            try giveToPostgres(secret)
            settings.more =
                "peers: {secretFile: \(secret)}\nsynchronous: {mode: \(mode.rawValue), count: \(count)}\n" + more
            for member in cluster.members { try cluster.configure(member, settings) }
            let primary = try await cluster.startAll()
            if mode != .off { try await synchronous(cluster, primary, members: members - 1) }
            try await body(cluster, primary)
        }
    }

    /// Waits until the record says that so many members may be voted for, and that somebody may win.
    static func synchronous(_ cluster: ClusterFixture, _ primary: ClusterMember, members: Int) async throws {
        try await eventually("\(members) standbys are recorded", within: .seconds(30)) {
            guard let state = primary.cluster()?.synchronous else { return false }
            return state.members.count == members && state.votes <= members
        }
    }

    /// Makes the lease store unreachable for everybody, and reachable again.
    func hideStore() throws { try Files.renameDurably(directory + "/lease", to: directory + "/hidden") }
    func showStore() throws { try Files.renameDurably(directory + "/hidden", to: directory + "/lease") }
}
