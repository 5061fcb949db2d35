import Configuration
import Testing

struct FileChecksTests {
    /// A machine on which only these files can be read and only these programs run.
    private func machine(_ contents: [String: String], programs: Set<String> = ["/usr/lib/postgresql/15/bin/postgres"])
        -> ConfigurationFiles
    {
        ConfigurationFiles(
            read: { path, _ throws(ConfigurationFiles.Problem) in
                guard let text = contents[path] else { throw ConfigurationFiles.Problem("Permission denied") }
                return Array(text.utf8)
            },
            isExecutable: { programs.contains($0) })
    }

    private let secrets = minimal("http: {tokenFile: /secrets/token}").replacing(
        "{host", with: "{superuserPasswordFile: /secrets/s, replicationPasswordFile: /secrets/r, host")

    @Test("secrets that can be read and programs that can be run are no mistake")
    func good() {
        let files = machine(["/secrets/token": "a", "/secrets/s": "b\n", "/secrets/r": "c\r\n"])
        #expect(mistakes(secrets, files: files).isEmpty)
    }

    @Test("secrets that cannot be read, are empty or have several lines are named, and so is a missing server")
    func bad() {
        let files = machine(["/secrets/token": "\n", "/secrets/s": "a\nb\n"], programs: [])
        #expect(
            mistakes(secrets, files: files).map { "\($0.key): \($0.found)" } == [
                "postgres.binDirectory: found no program '/usr/lib/postgresql/15/bin/postgres'",
                "postgres.superuserPasswordFile: '/secrets/s' has several lines or control characters",
                "postgres.replicationPasswordFile: '/secrets/r' cannot be read: Permission denied",
                "http.tokenFile: '/secrets/token' is empty",
            ])
    }

    @Test("no secret ever stands in a message")
    func noLeak() {
        let files = machine(["/secrets/token": "hunter2\nhunter2", "/secrets/s": "hunter2\u{1}", "/secrets/r": "x"])
        #expect(!mistakes(secrets, files: files).description.contains("hunter2"))
    }
}
