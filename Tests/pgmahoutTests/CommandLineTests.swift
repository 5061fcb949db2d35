import ArgumentParser
import Configuration
import Testing

@testable import pgmahout

struct CommandLineTests {
    @Test(
        "what cannot be meant is a mistake in the command line",
        arguments: [
            ["frobnicate"], ["status", "--url", "10.0.0.1:8008"], ["status", "--watch", "0"], ["status", "-o", "xml"],
            ["switchover", "--to", "pg-1", "--from", "pg-1"], ["switchover", "--wait", "-1"], ["run", "extra"],
            ["backup", "list", "--archive", "/backup"], ["member", "fence"], ["member", "fence", "pg-1/../x"],
            ["member", "explode", "pg-1"], ["switchover", "--force"], ["switchover", "--cancel", "--to", "pg-2"],
            ["switchover", "--at", "2026-01-02T03:04:05"], ["cluster", "restart", "--at", "tomorrow"],
            ["cluster", "restart", "--cancel", "--pending"], ["member", "reclone", "pg-1", "--wait", "-1"],
        ])
    func mistakes(arguments: [String]) {
        let error = #expect(throws: (any Error).self) { try Pgmahout.parseAsRoot(arguments) }
        #expect(error.map { Pgmahout.exitCode(for: $0).rawValue } == ExitReason.usage.rawValue)
    }

    @Test(
        "every command can be parsed",
        arguments: [
            ["run", "--config", "/x"], ["status", "-o", "json", "--url", "http://h:1"], ["switchover", "--to", "pg-2"],
            ["backup", "list", "--archive", "/b", "--server", "demo"], ["config", "check", "--text-only"],
            ["config", "reference"], ["version"], ["archiver", "--config", "/x"],
            ["pause"], ["resume", "-o", "json"], ["member", "fence", "pg-1"], ["member", "unfence", "pg-1"],
            ["member", "reclone", "pg-1", "--from", "pg-2"], ["member", "restart", "pg-1", "--wait", "0"],
            ["member", "remove", "pg-1", "--force", "--yes"], ["cluster"], ["cluster", "-o", "json"],
            ["cluster", "status"], ["cluster", "restart", "--pending", "--at", "2026-01-02T03:04+02:00"],
            ["cluster", "restart", "--cancel"], ["cluster", "history"], ["switchover", "--cancel"],
            ["switchover", "--to", "pg-2", "--force", "--yes", "--at", "2026-01-02T03:04:05Z"],
        ])
    func commands(arguments: [String]) throws {
        _ = try Pgmahout.parseAsRoot(arguments)
    }

    @Test("workers that only pgmahout itself starts are not in the help")
    func hidden() {
        let help = Pgmahout.helpMessage()
        #expect(!help.contains("archiver") && !help.contains("  logs "))
        #expect(help.contains("switchover"))
    }

    @Test("every exit code is explained in the help")
    func exitCodes() {
        let help = Pgmahout.helpMessage()
        for reason in ExitReason.allCases { #expect(help.contains("\(reason.rawValue)  \(reason.meaning)")) }
    }

    @Test(
        "a member is asked on its own machine's loopback where it listens there",
        arguments: [
            ("0.0.0.0", "http://127.0.0.1:8008"), ("::", "http://[::1]:8008"), ("10.0.0.1", "http://10.0.0.1:8008"),
            ("fd00::1", "http://[fd00::1]:8008"), ("localhost", "http://localhost:8008"),
        ])
    func localURL(listen: String, url: String) throws {
        let configuration = try ConfigurationLoader.load(
            text: """
                cluster: demo
                member: pg-1
                dataDirectory: /data
                postgres: {host: 10.0.0.1}
                http: {listen: "\(listen)"}
                lease: {file: {path: /shared/demo.lease}}
                """, path: "test.yaml", environment: [:], checks: .textOnly)
        #expect(MemberOptions.localURL(configuration.http) == url)
    }
}
