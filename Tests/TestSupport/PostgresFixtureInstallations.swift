import Glibc
import Platform
import Postgres
import Synchronization

/// The programs of one version of PostgreSQL.
package struct PostgresInstallation: Hashable, Sendable, CustomStringConvertible {
    package let binaries: PostgresBinaries

    package init(directory: String) { binaries = PostgresBinaries(directory: directory) }

    package var description: String { binaries.directory }

    package var tools: Tools { Tools(binaries: binaries, environment: Command.inheritedEnvironment) }

    /// The standard one, and those that `scripts/lib/more-postgres` has brought or that `PGMAHOUT_TEST_PG_BINS`
    /// names (directories, separated by colons).
    package static let all: [PostgresInstallation] = {
        var directories: [String] = []
        if let named = Command.inheritedEnvironment["PGMAHOUT_TEST_PG_BINS"] {
            directories = named.split(separator: ":").map(String.init)
        } else if let build = buildDirectory {
            directories = ["16", "18"].map { "\(build)/postgres/\($0)/bin" }
        }
        let found = directories.filter { Files.exists($0 + "/postgres") }.map { PostgresInstallation(directory: $0) }
        return [PostgresFixture.standard] + found.filter { $0 != PostgresFixture.standard }
    }()

    /// The first and the last of them, for what takes long.
    package static let ends = all.count > 1 ? [all[0], all[all.count - 1]] : all

    /// Where the build puts everything: the tests run from below it.
    private static let buildDirectory: String? = {
        var path = (try? Files.linkTarget("/proc/self/exe")) ?? ""
        while let slash = path.lastIndex(of: "/"), slash != path.startIndex {
            path = String(path[..<slash])
            if path.hasSuffix("/.build") { return path }
        }
        return nil
    }()

    /// Major version of the programs.
    package func major() async throws -> Int {
        try await Self.kept(\.majors, self) {
            Task {
                let text = try await PostgresFixture.run(tools.version())
                guard let major = PostgresBinaries.majorVersion(inVersionText: text) else { throw FixtureError(text) }
                return major
            }
        }
    }

    /// A directory that initdb and the bootstrap script have made; not to be started itself.
    package func template() async throws -> String {
        try await Self.kept(\.templates, self) {
            Task {
                let root = try await "\(TemporaryDirectory.memory)/pgmt-template-\(major())-\(getpid())"
                try Files.makeDirectory(root, mode: 0o755)
                try giveToPostgres(root)
                TestJanitor.look(after: root)
                try await PostgresFixture.initialize(root + "/data", installation: self)
                return root + "/data"
            }
        }
    }

    /// What was found out about each, once.
    private struct Known {
        var majors: [PostgresInstallation: Task<Int, any Error>] = [:]
        var templates: [PostgresInstallation: Task<String, any Error>] = [:]
    }

    private static let known = Mutex(Known())

    private static func kept<Value: Sendable>(
        _ place: WritableKeyPath<Known, [PostgresInstallation: Task<Value, any Error>]>,
        _ installation: PostgresInstallation, _ make: () -> Task<Value, any Error>
    ) async throws -> Value {
        let task = known.withLock { known in
            if let present = known[keyPath: place][installation] { return present }
            let new = make()
            known[keyPath: place][installation] = new
            return new
        }
        return try await task.value
    }
}
