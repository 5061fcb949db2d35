import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

extension Acceptance {
    @Suite("Archive faults")
    struct ArchiveFaultTests {
        enum Fault: String, CaseIterable, CustomTestStringConvertible {
            case missing, full, readOnly
            var testDescription: String { rawValue }
        }

        @Test(
            "an archive that is missing, full or read-only costs no segment and no write, shows, and recovers by itself",
            .enabled(if: getuid() == 0, "mounting a file system needs root"), arguments: Fault.allCases)
        func fault(fault: Fault) async throws {
            var settings = ClusterSettings(members: 1)
            settings.archive = "full"
            try await ClusterFixture.with(settings) { cluster in
                let archive = cluster.directory + "/full"
                try await root("mount -t tmpfs -o size=8m,mode=0755,uid=postgres,gid=postgres tmpfs \(archive)")
                defer { umount2(archive, Int32(MNT_DETACH)) }
                let member = try await cluster.startAll()
                try member.query("CREATE TABLE proof (text text)")
                try await fill(member, segments: 2)
                try await eventually("all is archived", within: .seconds(20)) { try ready(member).isEmpty }
                let good = try await eventualValue("it is counted") {
                    member.metric("pgmahout_archiver_archived_total").flatMap { $0 >= 2 ? $0 : nil }
                }

                switch fault {
                case .missing: try await root("mv \(archive)/tested \(archive)/elsewhere && chmod 000 \(archive)")
                case .full: try await root("cat /dev/zero > \(archive)/ballast || true")
                case .readOnly: try await root("mount -o remount,ro \(archive)")
                }
                try await fill(member, segments: 3)
                try await eventually("the metrics tell", within: .seconds(20)) {
                    (member.metric("pgmahout_archiver_failed_total") ?? 0) > 0
                        && (member.metric("pgmahout_archiver_ready_files") ?? 0) >= 3
                }
                #expect(member.status()?.archive?.lastError?.isEmpty == false)
                let waiting = try ready(member)
                #expect(waiting.count >= 3)
                for name in waiting { #expect(Files.exists("\(member.dataDirectory)/pg_wal/\(name)")) }
                #expect(member.status()?.ready == true)
                try member.query("INSERT INTO proof VALUES ('still writes')")

                switch fault {
                case .missing: try await root("chmod 755 \(archive) && mv \(archive)/elsewhere \(archive)/tested")
                case .full: try await root("rm \(archive)/ballast")
                case .readOnly: try await root("mount -o remount,rw \(archive)")
                }
                try await eventually("it recovers by itself", within: .seconds(40)) { try ready(member).isEmpty }
                try await eventually("the metrics tell that too") {
                    member.metric("pgmahout_archiver_ready_files") == 0
                        && (member.metric("pgmahout_archiver_archived_total") ?? 0) >= good + 3
                }
                try expectUnbroken(archive + "/tested/wals/0000000100000000")
                _ = try await member.stop()
            }
        }

        /// Writes and finishes so many segments.
        private func fill(_ member: ClusterMember, segments: Int) async throws {
            for _ in 0..<segments {
                try member.query("INSERT INTO proof SELECT md5(g::text) FROM generate_series(1, 2000) g")
                try member.query("SELECT pg_switch_wal()")
            }
        }

        /// Names of the segments that wait.
        private func ready(_ member: ClusterMember) throws -> [String] {
            try Files.list(member.dataDirectory + "/pg_wal/archive_status").compactMap { name in
                name.hasSuffix(".ready") ? String(name.dropLast(6)) : nil
            }
        }

        /// From the first segment to the last, none is missing, and nothing half is beside them.
        private func expectUnbroken(_ directory: String) throws {
            let names = try Files.list(directory).sorted()
            let numbers = try names.map { name in
                try #require(name.count == 27 && name.hasSuffix(".gz"), "\(name)")
                return try #require(Int(name.dropLast(3).suffix(8), radix: 16))
            }
            let first = try #require(numbers.first)
            #expect(numbers == Array(first..<(first + numbers.count)))
        }

        private func root(_ script: String) async throws {
            let (status, text) = try await TestChildren.output(of: Command("/bin/sh", ["-c", script]))
            try #require(status.isSuccess, "\(script): \(text)")
        }
    }
}
