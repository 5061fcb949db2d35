import ClusterModel
import Glibc
import Platform
import Postgres

/// The PostgreSQL that the tests use, and a data directory that is made once and copied.
package enum PostgresFixture {
    package static let standard = PostgresInstallation(
        directory: Command.inheritedEnvironment["PGMAHOUT_TEST_PG_BIN"] ?? "/usr/lib/postgresql/15/bin")
    package static var binaries: PostgresBinaries { standard.binaries }
    package static var tools: Tools { standard.tools }
    package static let superuser = "postgres"
    package static let replicationUser = "replicator"

    /// Major version of the programs.
    package static func major() async throws -> Int { try await standard.major() }

    /// A directory that initdb and the bootstrap script have made; not to be started itself.
    package static func template() async throws -> String { try await standard.template() }

    /// Runs a command as the postgres user; throws what it wrote unless it succeeds.
    @discardableResult
    package static func run(_ command: Command) async throws -> String {
        let (status, text) = try await TestChildren.output(of: command.asPostgres)
        guard status.isSuccess else { throw FixtureError("\(command.path) \(command.arguments): \(status): \(text)") }
        return text
    }

    /// initdb and the bootstrap script, as the product runs them, into a directory that does not exist yet.
    package static func initialize(
        _ directory: String, _ settings: Tools.InitialSettings = Tools.InitialSettings(superuser: superuser),
        replicationPassword: String? = nil, installation: PostgresInstallation = standard
    ) async throws {
        try await run(installation.tools.initdb(into: directory, settings, major: installation.major()))
        let script = try Bootstrap.script(
            superuser: settings.superuser, superuserPassword: nil, replicationUser: replicationUser,
            replicationPassword: replicationPassword)
        let input = try Bootstrap.descriptor(of: script)
        try await run(installation.tools.finishBootstrap(in: directory, script: input.rawValue))
    }
}

package struct FixtureError: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// A process that outlives the tests by a moment: whichever way they end, the servers that they started are killed and
/// their directories removed.
package enum TestJanitor {
    /// - Parameter directory: removed at the end, after the servers whose data directory is in it were killed.
    package static func look(after directory: String) {
        guard let lifeline else { return }
        _ = (directory + "\n").withCString { Glibc.write(lifeline, $0, strlen($0)) }
    }

    private static let script = """
        all=''
        while read -r directory; do all="$all $directory"; done
        for directory in $all; do
            for file in "$directory"/postmaster.pid "$directory"/*/postmaster.pid; do
                [ -e "$file" ] && kill -QUIT "$(head -n 1 "$file")"
            done
        done 2>/dev/null
        sleep 1
        rm -rf $all
        """

    /// Write end of its standard input; the other end reads the end of this process.
    private static let lifeline: Int32? = {
        guard let pipe = try? Pipe.makePipe() else { return nil }
        var command = Command("/bin/sh", ["-c", script])
        command.input = .descriptor(pipe.read)
        command.output = .null
        command.error = .null
        _ = try? TestChildren.registry.spawn(command) { _, _ in }
        close(pipe.read)
        return pipe.write
    }()
}
