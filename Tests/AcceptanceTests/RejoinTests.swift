import ClusterModel
import Glibc
import Platform
import Postgres
import TestSupport
import Testing

extension Acceptance {
    @Suite("Rejoin")
    struct RejoinTests {
        @Test("a primary with rows that nobody else has is rewound, and follows")
        func rewind() async throws {
            try await ClusterFixture.running { cluster, primary in
                let next = try await diverge(cluster, primary)
                let before = try inode(primary.dataDirectory)
                try primary.start()
                try #require(try await cluster.settled() === next)
                try await cluster.caughtUp(primary, with: next)
                #expect(try primary.value("SELECT string_agg(id::text, ',' ORDER BY id) FROM proof") == "1,3")
                #expect(primary.logs(#""msg":"done","member":"\#(primary.name)","operation":"rewind"#))
                #expect(try inode(primary.dataDirectory) == before, "it was cloned instead")
            }
        }

        @Test("a primary whose rewind fails is cloned, and follows")
        func clone() async throws {
            try await ClusterFixture.with(ClusterSettings(members: 2)) { cluster in
                // Programs of which pg_rewind always fails.
                let programs = cluster.directory + "/programs"
                try Files.makeDirectory(programs, mode: 0o755)
                let real = PostgresFixture.binaries
                for name in ["postgres", "initdb", "pg_basebackup"] {
                    // A server finds its files by where it was started: not through a link.
                    let script = "#!/bin/sh\nexec \(real.path(name)) \"$@\"\n"
                    try Files.writeDurably(Array(script.utf8), to: "\(programs)/\(name)", mode: 0o755)
                }
                try Files.writeDurably(
                    Array("#!/bin/sh\necho 'pg_rewind: error: not today' >&2\nexit 1\n".utf8),
                    to: programs + "/pg_rewind", mode: 0o755)
                var settings = cluster.settings
                settings.binDirectory = programs
                for member in cluster.members { try cluster.configure(member, settings) }

                let primary = try await cluster.startAll()
                let next = try await diverge(cluster, primary)
                let before = try inode(primary.dataDirectory)
                try primary.start()
                try #require(try await cluster.settled() === next)
                try await cluster.caughtUp(primary, with: next)
                #expect(try primary.value("SELECT string_agg(id::text, ',' ORDER BY id) FROM proof") == "1,3")
                #expect(primary.logs("not today"))
                #expect(try inode(primary.dataDirectory) != before, "nothing was cloned")
            }
        }

        @Test("a rewind that is interrupted is finished by the next start")
        func interruptedRewind() async throws {
            try await ClusterFixture.running(ClusterSettings(members: 2)) { cluster, primary in
                let next = try await diverge(cluster, primary)
                try primary.start()
                try await eventually("it is being rewound", within: .seconds(20), every: .milliseconds(1)) {
                    primary.logs(#""operation":"rewind"#)
                }
                try await primary.killTree()
                try primary.start()
                try #require(try await cluster.settled() === next)
                try await cluster.caughtUp(primary, with: next)
                #expect(try primary.value("SELECT string_agg(id::text, ',' ORDER BY id) FROM proof") == "1,3")
            }
        }

        /// Row 1 is everywhere, row 2 only on the old primary, which is dead, and row 3 only on the new one.
        /// - Returns: the new primary.
        private func diverge(_ cluster: ClusterFixture, _ primary: ClusterMember) async throws -> ClusterMember {
            let others = cluster.others(than: primary)
            try primary.query("CREATE TABLE proof (id int PRIMARY KEY)")
            try primary.query("INSERT INTO proof VALUES (1)")
            for member in others { try await cluster.caughtUp(member, with: primary) }

            let receivers = others.flatMap { $0.postgres("walreceiver") }
            try #require(receivers.count == others.count)
            for receiver in receivers { Processes.signal(receiver, SIGSTOP) }
            try primary.query("INSERT INTO proof VALUES (2)")
            try await primary.killTree()
            // They must not wake up to what has already reached their sockets.
            for receiver in receivers {
                Processes.signal(receiver, SIGTERM)
                Processes.signal(receiver, SIGCONT)
            }
            let next = try await cluster.primary(among: others)
            try next.query("INSERT INTO proof VALUES (3)")
            try #require(try next.value("SELECT string_agg(id::text, ',' ORDER BY id) FROM proof") == "1,3")
            return next
        }

        private func inode(_ path: String) throws -> UInt {
            var status = stat()
            try #require(stat(path, &status) == 0)
            return UInt(status.st_ino)
        }
    }
}
