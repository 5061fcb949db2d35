import Configuration
import Testing

struct RelationsTests {
    private func lease(_ text: String) -> [ConfigurationError] {
        mistakes(minimal().replacing("lease: {", with: "lease: {\(text), "))
    }

    @Test("a holder must have stopped before others may take over, whatever their clocks do")
    func leaseTiming() throws {
        #expect(lease("duration: 6s, giveUpAfter: 5s, killWithin: 500ms, clockRateError: 0.04").isEmpty)
        #expect(
            lease("duration: 6s, giveUpAfter: 5s, killWithin: 500ms, clockRateError: 0.05").map(\.key) == [
                "lease.giveUpAfter"
            ])
        #expect(lease("duration: 6s, giveUpAfter: 5500ms, killWithin: 500ms, clockRateError: 0").isEmpty)
        #expect(lease("duration: 6s, giveUpAfter: 5501ms, killWithin: 500ms, clockRateError: 0").count == 1)
        let onlyDuration = try #require(lease("duration: 2s").first)
        #expect(onlyDuration.place == .file(path: "pgmahout.yaml", line: 5, column: 19))
    }

    @Test("the lease is renewed before it is given up")
    func renewal() {
        #expect(lease("renewEvery: 4s").map(\.key) == ["lease.renewEvery"])
        #expect(lease("renewEvery: 3999ms").isEmpty)
    }

    @Test("the two servers have ports of their own")
    func ports() {
        let found = mistakes(minimal("http: {port: 5432}"))
        #expect(
            found.map(\.description) == ["pgmahout.yaml:6:14: http.port: found 5432; another port than postgres.port"])
    }

    @Test("sockets fit into the run directory")
    func socketLength() {
        let longest = "/" + String(repeating: "r", count: 84)
        #expect(mistakes(minimal("runDirectory: \(longest)")).isEmpty)
        #expect(mistakes(minimal("runDirectory: \(longest)r")).map(\.allowed) == ["a path of at most 85 bytes"])
    }

    @Test(
        "nothing of ours lies inside or around the data directory",
        arguments: [
            ("runDirectory: /var/lib/postgresql/pgdata/run", "runDirectory"),
            ("runDirectory: /var/lib", "runDirectory"),
            ("archive: {directory: /var/lib/postgresql/pgdata}", "archive.directory"),
            ("archive: {directory: /var//lib/./postgresql}", "archive.directory"),
            ("archive: {directory: /run/pgmahout/a}", "archive.directory"),
        ])
    func directories(line: String, key: String) {
        #expect(mistakes(minimal(line)).map(\.key) == [key])
    }

    @Test("a lease inside the data directory is refused, one beside it is not")
    func leasePath() {
        let path = "/var/lib/postgresql/pgdata"
        #expect(
            mistakes(minimal().replacing("/shared/demo.lease", with: path + "/l")).map(\.key) == ["lease.file.path"])
        #expect(mistakes(minimal().replacing("/shared/demo.lease", with: path + ".lease")).isEmpty)
    }

    @Test("replication has a role of its own")
    func roles() {
        let found = mistakes(minimal().replacing("{host", with: "{replicationUser: postgres, host"))
        #expect(found.map(\.key) == ["postgres.replicationUser"])
    }

    @Test("root may not run a server, anybody else may")
    func root() {
        #expect(ProcessUser.refusal(of: 0) != nil)
        #expect(ProcessUser.refusal(of: 101) == nil)
    }
}
