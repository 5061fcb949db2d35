import Platform
import TestSupport
import Testing

extension Acceptance {
    @Suite("Mistakes in the configuration")
    struct ConfigurationMistakeTests {
        @Test("ten different mistakes are all named at once, with 78, and nothing is started")
        func ten() async throws {
            try await ClusterFixture.with(ClusterSettings(members: 1)) { cluster in
                let member = try #require(cluster.members.first)
                let text = """
                    cluster: "has spaces"
                    dataDirectory: relative/path
                    runDirectory: \(member.runDirectory)
                    member: pg-1
                    postgres:
                      binDirectory: /nowhere/at/all
                      host: 127.0.0.1
                      port: 70000
                      prot: 5432
                      parameters: {archive_mode: 'off'}
                    http: {port: http}
                    lease:
                      store: consul
                      file: {path: \(member.leaseFile)}
                      duration: soon
                    shutdown: {fast: -5s}
                    replication: {maximumLag: 16 parsecs}

                    """
                try Files.writeDurably(Array(text.utf8), to: member.configurationFile, mode: 0o644)
                let (status, output) = try await member.run("run", "--config", member.configurationFile)
                #expect(status == .exited(78), "\(output)")
                let lines = output.split(separator: "\n")
                for (key, line) in [
                    ("cluster", 1), ("dataDirectory", 2), ("postgres.binDirectory", 6), ("postgres.port", 8),
                    ("postgres.prot", 9), ("archive_mode", 10), ("http.port", 11), ("lease.store", 13),
                    ("lease.duration", 15), ("shutdown.fast", 16), ("replication.maximumLag", 17),
                ] {
                    #expect(
                        lines.contains { $0.contains(key) && $0.contains("\(member.configurationFile):\(line):") },
                        "\(key) of line \(line) is not named in:\n\(output)")
                }
                #expect(output.contains("port"), "the nearest known name of 'prot' is not suggested")
                #expect(!Files.exists(member.dataDirectory))
                #expect(!Files.exists(member.runDirectory))
            }
        }
    }
}
