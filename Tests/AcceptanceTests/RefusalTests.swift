import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

extension Acceptance {
    @Suite("Refused data directories")
    struct RefusalTests {
        enum Foreigner: String, CaseIterable, CustomTestStringConvertible {
            case strangersFiles, serverWithoutUs, otherMajorVersion, otherCluster
            var testDescription: String { rawValue }
        }

        @Test("one that is not ours is refused with 65, and nothing in it is touched", arguments: Foreigner.allCases)
        func notOurs(foreigner: Foreigner) async throws {
            try await ClusterFixture.with(ClusterSettings(members: 1)) { cluster in
                let member = try #require(cluster.members.first)
                let data = member.dataDirectory
                switch foreigner {
                case .strangersFiles:
                    try Files.makeDirectory(data)
                    try Files.writeDurably(Array("do not lose me".utf8), to: data + "/thesis.txt")
                case .serverWithoutUs:
                    try await PostgresFixture.run(Command("/bin/cp", ["-a", PostgresFixture.template(), data]))
                case .otherMajorVersion:
                    try await cluster.startAll()
                    try await member.stop()
                    try Files.writeDurably(Array("14\n".utf8), to: data + "/PG_VERSION")
                case .otherCluster:
                    try await cluster.startAll()
                    try await member.stop()
                    var settings = cluster.settings
                    settings.cluster = "another"
                    try cluster.configure(member, settings)
                    try Files.removeTree(cluster.directory + "/lease/record")
                }
                try AsPostgres.own(data)
                let before = try await fingerprint(data)
                try member.start()
                #expect(try await member.exit(within: .seconds(15)) == .exited(65))
                #expect(try await fingerprint(data) == before)
                let last = member.log.split(separator: "\n").last { $0.contains(#""level":"critical""#) }
                #expect(last?.contains(data) == true, "it is not named: \(last ?? "nothing was logged")")
            }
        }

        @Test("a cluster is not made from nothing beside an archive of its name; once that is away, it is")
        func archiveOfTheSameName() async throws {
            var settings = ClusterSettings(members: 1)
            settings.archive = "archive"
            try await ClusterFixture.with(settings) { cluster in
                let member = try #require(cluster.members.first)
                let base = cluster.directory + "/archive/\(cluster.settings.cluster)/base"
                try Files.makeDirectory(base + "/20260101T000000")
                try AsPostgres.own(cluster.directory + "/archive")
                try member.start()
                try await eventually("it says why") { member.logs("'\(base)' holds the archive") }
                #expect(!Files.exists(member.dataDirectory + "/PG_VERSION"))
                try Files.removeTree(base)
                try await cluster.settled()
            }
        }

        @Test("one of another system identifier is refused with 65, and nothing in it is touched")
        func otherSystem() async throws {
            try await ClusterFixture.running(ClusterSettings(members: 2)) { cluster, primary in
                let replica = try #require(cluster.others(than: primary).first)
                try await replica.stop()
                try Files.removeTree(replica.dataDirectory)
                // The data of a cluster of the same name.
                try await ClusterFixture.running(ClusterSettings(members: 1)) { _, stranger in
                    try await stranger.stop()
                    try await PostgresFixture.run(
                        Command("/bin/cp", ["-a", stranger.dataDirectory, replica.dataDirectory]))
                }
                let before = try await fingerprint(replica.dataDirectory)
                try replica.start()
                #expect(try await replica.exit(within: .seconds(20)) == .exited(65))
                #expect(try await fingerprint(replica.dataDirectory) == before)
                #expect(replica.logs("belongs to another cluster"))
                #expect(try await cluster.settled(among: [primary]) === primary)
            }
        }

        @Test("a second pgmahout on the same data directory is refused, and the first one goes on")
        func twice() async throws {
            try await ClusterFixture.running(ClusterSettings(members: 1)) { _, primary in
                let postmaster = primary.postmaster
                let (status, text) = try await primary.run("run", "--config", primary.configurationFile)
                #expect(status == .exited(69), "\(text)")
                #expect(primary.postmaster == postmaster)
                #expect(primary.status()?.ready == true)
            }
        }

        @Test("a postmaster.pid whose number belongs to another process by now keeps nothing from starting")
        func stalePostmasterFile() async throws {
            try await ClusterFixture.running(ClusterSettings(members: 1)) { cluster, member in
                let file = member.dataDirectory + "/postmaster.pid"
                var lines = try Files.readText(file).split(separator: "\n", omittingEmptySubsequences: false)
                try await member.killTree()
                let bystander = try TestChild(Command("/bin/sleep", ["120"]).asPostgres)
                lines[0] = "\(bystander.process)"
                try Files.writeDurably(Array(lines.joined(separator: "\n").utf8), to: file)
                try giveToPostgres(file)
                #expect(try await cluster.startAll() === member)
                #expect(bystander.status == nil, "a process that is not ours was ended")
                bystander.kill(SIGKILL)
            }
        }

        /// Every file with its content's checksum, size, owner, mode and times.
        private func fingerprint(_ directory: String) async throws -> String {
            let script = """
                find "$1" -printf '%P %y %m %u %s %T@ %i\\n' | sort
                find "$1" -type f -exec sha256sum {} + | sort
                """
            let (status, text) = try await TestChildren.output(of: Command("/bin/sh", ["-c", script, "sh", directory]))
            try #require(status.isSuccess, "\(text)")
            return text
        }
    }
}
