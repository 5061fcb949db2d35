import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

extension Acceptance {
    @Suite("A full disk")
    struct FullDiskTests {
        @Test(
            "is named, PID 1 stays up, and postgres goes on by itself once there is room, with all that was acknowledged",
            .enabled(if: getuid() == 0, "only root can mount a small file system"))
        func full() async throws {
            var settings = ClusterSettings(members: 1)
            settings.more = "ballast: {size: 16MiB}\n"
            try await ClusterFixture.with(settings) { cluster in
                let member = try #require(cluster.members.first)
                let disk = try await SmallFileSystem(at: member.directory, size: "220m")
                try cluster.configure(member, settings)
                try await cluster.startAll()
                let process = try #require(member.process)
                try member.query("CREATE TABLE t (i int, filler text)")
                try member.query("INSERT INTO t VALUES (1, 'before')")
                try await eventually("the ballast is there", within: .seconds(20)) {
                    Self.ballast(of: member) == 16 << 20
                }
                let filler = member.directory + "/filler"
                try Self.fill(filler)
                try await eventually("it says what is wrong", within: .seconds(30)) {
                    // Somebody has to write for it to be noticed by postgres too.
                    _ = try? member.query("INSERT INTO t SELECT 2, repeat('x', 1000) FROM generate_series(1, 2000)")
                    try? Self.fill(filler)
                    return member.status()?.diskFull == true
                }
                #expect(member.status()?.problem?.contains("full") == true)
                #expect(member.probe("/healthz") == 200)
                try Files.remove(filler)
                try await eventually("it goes on by itself", within: .seconds(60)) {
                    member.status()?.ready == true && member.status()?.problem == nil
                        && (try? member.query("INSERT INTO t VALUES (3, 'after')")) != nil
                }
                #expect(try member.value("SELECT count(*) FROM t WHERE i = 1") == "1")
                #expect(member.process == process)
                try await eventually("the ballast is there again", within: .seconds(30)) {
                    Self.ballast(of: member) == 16 << 20
                }
                member.signal(SIGKILL)
                ClusterProcesses.killAll(in: member.directory)
                withExtendedLifetime(disk) {}
            }
        }

        private static func ballast(of member: ClusterMember) -> Int? {
            member.metric("pgmahout_ballast_bytes").map { Int($0) }
        }

        /// Writes until there is no room.
        private static func fill(_ path: String) throws {
            let file = try FileDescriptor(opening: path, O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
            let block = [UInt8](repeating: 0, count: 64 << 10)
            while (try? file.write(block)) != nil {}
            while (try? file.write([0])) != nil {}
            try file.close()
        }
    }
}
