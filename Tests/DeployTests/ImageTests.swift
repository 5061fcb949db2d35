import Glibc
import Platform
import TestSupport
import Testing

/// The steps of docker/Dockerfile, without a container engine.
@Suite(.ownThread, .enabled(if: getuid() == 0, "only root may make users")) struct ImageTests {
    private let root: String
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        root = try directory.directory("root", mode: 0o755)
    }

    @Test("the steps make a system in which the programs run, as a user of its own")
    func allSteps() async throws {
        try await succeed("docker/install-runtime.sh", ["ROOT": root])
        try await succeed("docker/build.sh", ["DESTDIR": root, "PGMAHOUT_BINARIES": try binaries()])
        try await succeed("docker/check-runtime.sh", ["ROOT": root, "SHARED_SWIFT": "1"])
        let users = try Files.readText("\(root)/etc/passwd")
        #expect(users.hasPrefix("postgres:x:999:999:"))
        let packages = try Files.readText("\(root)/packages")
        #expect(packages.isEmpty || packages.contains("postgresql"))
        // Once more changes nothing.
        try await succeed("docker/install-runtime.sh", ["ROOT": root])
        #expect(try Files.readText("\(root)/etc/passwd") == users)
    }

    @Test("another uid is taken over everywhere, also by the check")
    func otherUser() async throws {
        try await succeed("docker/install-runtime.sh", ["ROOT": root, "PG_UID": "26"])
        try await succeed("docker/build.sh", ["DESTDIR": root, "PGMAHOUT_BINARIES": try binaries()])
        try await succeed("docker/check-runtime.sh", ["ROOT": root, "SHARED_SWIFT": "1", "PG_UID": "26"])
        try await fail(
            "docker/check-runtime.sh", ["ROOT": root, "SHARED_SWIFT": "1"],
            saying: "no user postgres with uid and gid 999")
    }

    @Test("what is missing is named: a program, a version of PostgreSQL, a directory, an argument")
    func mistakes() async throws {
        try await fail("docker/check-runtime.sh", ["ROOT": root], saying: "there is no program")
        try await fail("docker/build.sh", ["DESTDIR": root, "PGMAHOUT_BINARIES": root], saying: "there is no program")
        try await fail("docker/build.sh", [:], saying: "DESTDIR")
        try await fail("docker/install-runtime.sh", ["ROOT": root, "PG_MAJOR": "44"], saying: "postgresql-44")
        try await fail("docker/install-runtime.sh", ["ROOT": root, "PG_MAJOR": "x"], saying: "'x' is no major version")
        try await fail("docker/install-runtime.sh", ["ROOT": root, "PG_UID": "0"], saying: "'0' is no uid")
        try await fail("docker/install-runtime.sh", ["ROOT": root + "/none"], saying: "no directory")
    }

    @Test("the Dockerfile runs exactly these steps, and ends as a user that is not root")
    func dockerfile() throws {
        let lines = try Files.readText(Repository.file("docker/Dockerfile")).split(separator: "\n")
        for script in ["docker/build.sh", "install-runtime.sh", "check-runtime.sh"] {
            #expect(lines.contains { $0.hasPrefix("RUN ") && $0.hasSuffix(script) }, "\(script)")
        }
        #expect(lines.contains("USER ${PG_UID}:${PG_UID}"))
        #expect(lines.last == #"ENTRYPOINT ["/usr/local/bin/pgmahout", "run"]"#)
        #expect(!lines.contains { $0.hasPrefix("CMD") })
    }

    private func binaries() throws -> String {
        let program = try BuiltProduct.path("pgmahout")
        return String(program.dropLast("/pgmahout".count))
    }

    private func succeed(_ script: String, _ variables: [String: String]) async throws {
        let (status, text) = try await run(script, variables)
        #expect(status == .exited(0), "\(script): \(text)")
    }

    private func fail(_ script: String, _ variables: [String: String], saying reason: String) async throws {
        let (status, text) = try await run(script, variables)
        #expect(status == .exited(1), "\(script): \(text)")
        #expect(text.contains(reason), "\(text)")
    }

    private func run(_ script: String, _ variables: [String: String]) async throws -> (Platform.ExitStatus, String) {
        let kept = Command.inheritedEnvironment.filter { ["PATH", "HOME"].contains($0.key) }
        return try await TestChildren.output(
            of: Command("/bin/bash", [Repository.file(script)], environment: kept.merging(variables) { $1 }))
    }
}
