import ClusterModel
import FoundationEssentials
import Glibc
import Platform
import TestSupport
import Testing

extension Acceptance {
    @Suite("Logs")
    struct LogTests {
        private struct Line: Decodable {
            let ts: String
            let level: String
            let logger: String
            let msg: String
            let member: String
            let code: String?

            enum CodingKeys: String, CodingKey {
                case ts, level, logger, msg, member
                case code = "state_code"
            }
        }

        @Test("of PID 1, its programs and postgres are one JSON object a line, through a life with a crash")
        func json() async throws {
            var settings = ClusterSettings(members: 2)
            settings.archive = "archive"
            settings.parameters = ["log_statement": "all"]
            try await ClusterFixture.running(settings) { cluster, primary in
                #expect(throws: (any Error).self) { try primary.query("SELECT 1/0 AS \"a\nb\t\\\"") }
                try primary.query("DO $$ BEGIN RAISE WARNING 'ümläut \\ \"quoted\" %', repeat('x', 100000); END $$")
                // Until postgres' log collector has passed it on, the crash may take it along.
                try await eventually("it is logged") { primary.logs(#""level":"warning","logger":"postgres""#) }
                let postmaster = try #require(primary.postmaster)
                Processes.signal(postmaster, SIGKILL)
                try await eventually("it is back", within: .seconds(15)) {
                    primary.postmaster.map { $0 != postmaster } ?? false
                }
                try await cluster.settled()
                try await primary.killTree()
                try primary.start()
                try await cluster.settled()
                for member in cluster.members { try await member.stop() }

                for member in cluster.members {
                    var seen: Set<String> = []
                    var codes: Set<String> = []
                    for text in member.log.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
                        let line = try? JSONDecoder().decode(Line.self, from: Data(text.utf8))
                        guard let line else {
                            // What a kill cut off is nobody's fault.
                            Issue.record("not one JSON object: \(text.prefix(300))")
                            continue
                        }
                        seen.insert("\(line.logger) \(line.level)")
                        if let code = line.code { codes.insert(code) }
                        if line.logger != "guard" { #expect(line.member == member.name.rawValue) }
                    }
                    #expect(seen.contains("pgmahout notice"), "\(seen)")
                    #expect(seen.contains("postgres info"), "\(seen)")
                    guard member === primary else { continue }
                    #expect(seen.contains("postgres error"), "\(seen)")
                    #expect(seen.contains("postgres warning"), "\(seen)")
                    #expect(codes.contains("22012"), "\(codes)")
                }
            }
        }
    }
}
