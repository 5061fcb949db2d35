import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

extension Acceptance {
    @Suite("Hung archive")
    struct HungArchiveTests {
        /// What hangs has to be a file system of its own, which can be frozen: as a dead NFS server looks from here.
        private static let canFreeze = getuid() == 0 && Files.exists("/dev/loop-control")

        @Test(
            "an archive whose file system hangs holds up the archiver alone: the primary serves, and all arrives later",
            .enabled(if: canFreeze, "freezing a file system needs root and loop devices"))
        func hangs() async throws {
            try await withFrozenArchive(members: 1) { _, member, thaw in
                let before = try #require(member.status())
                try await fill(member, segments: 3)
                try await eventually("segments wait", within: .seconds(30)) { try ready(member).count >= 3 }
                // Longer than a lease: whoever waited for the disk would have lost it by now.
                let end = BootClock.now() + .seconds(8)
                var asked = 0
                while BootClock.now() < end {
                    let code = member.probe("/healthz")
                    #expect(code == 200)
                    try member.query("INSERT INTO proof VALUES ('still writes')")
                    asked += 1
                    try await Task.sleep(for: .milliseconds(200))
                }
                #expect(asked >= 10, "no answer took long")
                let during = try #require(member.status())
                #expect(during.role == before.role && during.ready)
                #expect(during.term == before.term, "the lease was never lost")

                try await thaw()
                try await eventually("all is archived in the end", within: .seconds(60)) { try ready(member).isEmpty }
                _ = try await member.stop()
            }
        }

        @Test(
            "a switchover does not wait for an archive that hangs, and what waited is archived later",
            .enabled(if: canFreeze, "freezing a file system needs root and loop devices"))
        func switchover() async throws {
            try await withFrozenArchive(members: 2) { cluster, primary, thaw in
                let target = try #require(cluster.others(than: primary).first)
                try await fill(primary, segments: 3)
                try await eventually("segments wait", within: .seconds(30)) { try ready(primary).count >= 3 }
                let (status, text) = try await primary.run(
                    "switchover", "--config", primary.configurationFile, "--to", target.name.description)
                #expect(status == .exited(0), "\(text)")
                try #require(try await cluster.primary() === target)
                try target.query("INSERT INTO proof VALUES ('still writes')")
                #expect(primary.logs("not archived yet, and postgres is being stopped"))
                #expect(!primary.logs("postgres did not stop in time"))
                try await thaw()
                let left = try ready(primary).compactMap { $0.split(separator: ".").first }
                #expect(left.count >= 3)
                let folder = cluster.directory + "/frozen/tested/wals/0000000100000000"
                try await eventually("the new primary archives what was left", within: .seconds(60)) {
                    let archived = try Files.list(folder)
                    return try left.allSatisfy { archived.contains("\($0).gz") } && ready(target).isEmpty
                }
                try #require(try await cluster.settled() === target)
            }
        }

        /// A cluster whose archive has taken some segments, and then hangs until it is thawed.
        private func withFrozenArchive(
            members: Int, _ body: (ClusterFixture, ClusterMember, _ thaw: () async throws -> Void) async throws -> Void
        ) async throws {
            var settings = ClusterSettings(members: members)
            settings.archive = "frozen"
            try await ClusterFixture.with(settings) { cluster in
                let archive = cluster.directory + "/frozen"
                let image = cluster.directory + "/image"
                try await root("truncate -s 64M \(image) && mkfs.ext4 -q \(image) && mount -o loop \(image) \(archive)")
                defer { umount2(archive, Int32(MNT_DETACH)) }
                try await root("rmdir \(archive)/lost+found && chown postgres:postgres \(archive)")
                let primary = try await cluster.startAll()
                try primary.query("CREATE TABLE proof (text text)")
                try await fill(primary, segments: 2)
                try await eventually("all is archived", within: .seconds(30)) { try ready(primary).isEmpty }
                try await root("fsfreeze -f \(archive)")
                var frozen = true
                defer { if frozen { _ = system("fsfreeze -u \(archive)") } }
                try await body(cluster, primary) {
                    guard frozen else { return }
                    try await root("fsfreeze -u \(archive)")
                    frozen = false
                }
            }
        }

        private func fill(_ member: ClusterMember, segments: Int) async throws {
            for _ in 0..<segments {
                try member.query("INSERT INTO proof SELECT md5(g::text) FROM generate_series(1, 2000) g")
                try member.query("SELECT pg_switch_wal()")
            }
        }

        private func ready(_ member: ClusterMember) throws -> [String] {
            try Files.list(member.dataDirectory + "/pg_wal/archive_status").filter { $0.hasSuffix(".ready") }
        }

        private func root(_ script: String) async throws {
            let (status, text) = try await TestChildren.output(of: Command("/bin/sh", ["-c", script]))
            try #require(status.isSuccess, "\(script): \(text)")
        }
    }
}
