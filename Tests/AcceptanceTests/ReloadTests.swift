import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

extension Acceptance {
    @Suite("Reload")
    struct ReloadTests {
        @Test("SIGHUP changes a parameter live; a bad file is refused, and the last good one stays")
        func reload() async throws {
            try await ClusterFixture.running(ClusterSettings(members: 2)) { cluster, primary in
                let postmasters = cluster.members.map(\.postmaster)
                var settings = cluster.settings
                settings.parameters = ["work_mem": "7MB"]
                for member in cluster.members { try apply(settings, to: member, of: cluster) }
                for member in cluster.members {
                    try await eventually("\(member.name) has it") { try member.value("SHOW work_mem") == "7MB" }
                }
                #expect(cluster.members.map(\.postmaster) == postmasters, "nothing had to be restarted")

                settings.parameters = ["work_mem": "9MB"]
                settings.more = "replicaton: {maximumLag: 1MiB}\n"
                try apply(settings, to: primary, of: cluster)
                try await eventually("it is refused") { primary.logs("is refused; the last good one stays") }
                #expect(primary.logs("replicaton"), "the mistake is not named")
                #expect(try primary.value("SHOW work_mem") == "7MB")
                // Also after a restart of postgres, which reads files that were written anew.
                let postmaster = try #require(primary.postmaster)
                Processes.signal(postmaster, SIGKILL)
                try await eventually("it is back") { primary.postmaster.map { $0 != postmaster } ?? false }
                try await eventually("it answers") { (try? primary.value("SHOW work_mem")) == "7MB" }

                settings.more = ""
                settings.parameters = ["work_mem": "8MB"]
                try apply(settings, to: primary, of: cluster)
                try await eventually("a good one is taken again") { try primary.value("SHOW work_mem") == "8MB" }
                #expect(try await cluster.settled() === primary)
            }
        }

        private func apply(_ settings: ClusterSettings, to member: ClusterMember, of cluster: ClusterFixture) throws {
            try cluster.configure(member, settings)
            member.signal(SIGHUP)
        }
    }
}
