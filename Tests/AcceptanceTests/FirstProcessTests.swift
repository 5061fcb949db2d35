import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

extension Acceptance {
    @Suite("As PID 1 of a namespace")
    struct FirstProcessTests {
        @Test(
            "it waits for every orphan, restarts a killed postgres, and ends in order on SIGTERM",
            .enabled(if: getuid() == 0, "a new process namespace needs root"))
        func namespace() async throws {
            try await ClusterFixture.with(ClusterSettings(members: 1)) { cluster in
                let member = try #require(cluster.members.first)
                try member.start { command in
                    var wrapped = command
                    wrapped.path = "/usr/bin/unshare"
                    wrapped.arguments =
                        ["--pid", "--fork", "--mount-proc", "--kill-child", "--", command.path] + command.arguments
                    return wrapped
                }
                try await cluster.settled()
                try #require(member.logs(#""process":"1""#), "it is not PID 1")
                let first = try #require(firstProcess(of: member))

                // Each leaves a child that ends after it.
                for _ in 0..<50 {
                    try member.query("COPY (SELECT 1) TO PROGRAM 'cat > /dev/null; (sleep 0.2; exit 3) & exit 0'")
                }
                try await eventually("all orphans are reaped", within: .seconds(15)) {
                    (member.metric("pgmahout_orphans_reaped_total") ?? 0) >= 50
                }
                try await eventually("no zombie is left", within: .seconds(5)) { zombies(of: first).isEmpty }

                let writer = try ClusterWriter.start(on: member, among: [member])
                try await writer.more(20)
                let postmaster = try #require(member.postgres.first { ClusterProcesses.parent(of: $0) == first })
                Processes.signal(postmaster, SIGKILL)
                try await writer.more(20)
                try await writer.stop()
                #expect(member.metric("pgmahout_postgres_restarts_total") == 1)
                #expect(try writer.missing(on: member) == [])
                try await eventually("no zombie is left", within: .seconds(5)) { zombies(of: first).isEmpty }

                Processes.signal(first, SIGTERM)
                #expect(try await member.exit() == .exited(0))
                #expect(ClusterProcesses.belonging(to: member.directory).isEmpty)
            }
        }

        /// The number that PID 1 of the namespace has outside.
        private func firstProcess(of member: ClusterMember) -> ProcessID? {
            ClusterProcesses.belonging(to: member.directory).first { ClusterProcesses.parent(of: $0) == member.process }
        }

        private func zombies(of first: ProcessID) -> [ProcessID] {
            ((try? Files.list("/proc")) ?? []).compactMap { ProcessID($0) }.filter {
                ClusterProcesses.state(of: $0) == "Z" && ClusterProcesses.parent(of: $0) == first
            }
        }
    }
}
