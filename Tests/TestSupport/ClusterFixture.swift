import ClusterModel
import Glibc
import Platform
import Postgres

/// A cluster of built binaries and real servers on loopback, with a file lease, as the postgres user.
package final class ClusterFixture: Sendable {
    package let directory: String
    package let members: [ClusterMember]
    /// The newest state of the record, as text.
    package var record: String? {
        let place = directory + "/lease/record"
        let newest = (try? Files.list(place))?.compactMap { $0.hasSuffix(".json") ? Int($0.dropLast(5)) : nil }.max()
        return newest.flatMap { try? Files.readText("\(place)/\($0).json") }
    }
    package let settings: ClusterSettings

    /// Makes the files of a cluster, runs the body, and kills and removes all of it, whatever happens. When the body
    /// throws, the ends of all logs are printed; `PGMAHOUT_TEST_LOGS` names a directory for the whole of them.
    package static func with(
        _ settings: ClusterSettings = ClusterSettings(), _ body: (ClusterFixture) async throws -> Void
    ) async throws {
        let cluster = try ClusterFixture(settings)
        defer { cluster.destroy() }
        do {
            try await body(cluster)
        } catch {
            cluster.showLogs(error)
            throw error
        }
    }

    /// As ``with(_:_:)``, on a running cluster whose members are all well.
    package static func running(
        _ settings: ClusterSettings = ClusterSettings(),
        _ body: (ClusterFixture, _ primary: ClusterMember) async throws -> Void
    ) async throws {
        try await with(settings) { cluster in
            try await body(cluster, cluster.startAll())
        }
    }

    private init(_ settings: ClusterSettings) throws {
        self.settings = settings
        directory = "/tmp/pgmt-\(String(UInt64.random(in: .min ... .max), radix: 36))"
        ClusterJanitor.look(after: directory)
        let place = directory
        var paths = [place, place + "/lease"]
        if let archive = settings.archive { paths.append("\(place)/\(archive)") }
        for path in paths {
            try Files.makeDirectory(path, mode: 0o755)
            try giveToPostgres(path)
        }
        members = try (1...settings.members).map { number in
            let member = try ClusterMember(name: MemberName("pg-\(number)"), in: place)
            try Files.makeDirectory(member.directory, mode: 0o755)
            try giveToPostgres(member.directory)
            return member
        }
        for member in members { try configure(member, settings) }
    }

    /// Writes the member's configuration file.
    package func configure(_ member: ClusterMember, _ settings: ClusterSettings) throws {
        try Files.writeDurably(Array(settings.yaml(member).utf8), to: member.configurationFile, mode: 0o644)
        try giveToPostgres(member.configurationFile)
    }

    package func member(_ name: MemberName) throws -> ClusterMember {
        guard let found = members.first(where: { $0.name == name }) else { throw FixtureError("no member \(name)") }
        return found
    }

    package func others(than member: ClusterMember) -> [ClusterMember] { members.filter { $0 !== member } }

    // MARK: Waiting

    /// Starts all members; the primary once all are well.
    @discardableResult
    package func startAll(within limit: Duration = .seconds(60)) async throws -> ClusterMember {
        for member in members { try member.start() }
        return try await settled(within: limit)
    }

    /// Waits until exactly one of all members that run accepts writes, and all others stream from it and are ready.
    /// - Returns: the primary.
    @discardableResult
    package func settled(
        among wanted: [ClusterMember]? = nil, within limit: Duration = .seconds(45), file: String = #fileID,
        line: Int = #line
    ) async throws -> ClusterMember {
        let wanted = wanted ?? members
        return try await eventualValue(
            "one of \(wanted.map(\.name)) leads and the others stream", within: limit, every: .milliseconds(50),
            file: file, line: line
        ) {
            let statuses = wanted.compactMap { member in member.status().map { (member, $0) } }
            guard statuses.count == wanted.count else { return nil }
            let primaries = statuses.filter { $0.1.role == .primary && $0.1.ready }
            guard let (primary, head) = primaries.first, primaries.count == 1 else { return nil }
            let others = statuses.filter { $0.0 !== primary }
            let follow = others.allSatisfy { _, status in
                status.streaming && status.ready && status.timeline == head.timeline && status.upstream == primary.name
            }
            return follow ? primary : nil
        }
    }

    /// Waits until one of these members accepts writes under a lease.
    package func primary(
        among wanted: [ClusterMember]? = nil, within limit: Duration = .seconds(30), file: String = #fileID,
        line: Int = #line
    ) async throws -> ClusterMember {
        try await eventualValue(
            "one of them leads", within: limit, every: .milliseconds(20), file: file, line: line
        ) {
            (wanted ?? members).first { member in
                guard let status = member.status() else { return false }
                return status.role == .primary && status.ready
            }
        }
    }

    /// Waits until `member` has replayed all that `primary` has written until now.
    package func caughtUp(_ member: ClusterMember, with primary: ClusterMember) async throws {
        let position = try primary.value("SELECT pg_current_wal_lsn()")
        try await eventually("\(member.name) catches up", within: .seconds(30)) {
            (try? member.query("SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn", [position]))?.first?.first == "t"
        }
    }

    // MARK: End

    private func destroy() {
        for _ in 0..<3 {
            for member in members { member.signal(SIGKILL) }
            ClusterProcesses.killAll(in: directory)
        }
        for _ in 0..<20 where Files.exists(directory) {
            try? Files.removeTree(directory)
        }
    }

    private func showLogs(_ error: any Error) {
        var text = "\n--- \(error)\n"
        for member in members {
            let lines = member.log.split(separator: "\n")
            text += "--- the last of the log of \(member.name), \(lines.count) lines\n"
            text += lines.suffix(60).map { $0.prefix(600) }.joined(separator: "\n") + "\n"
            if let keep = Command.inheritedEnvironment["PGMAHOUT_TEST_LOGS"] {
                let name = directory.split(separator: "/").last ?? ""
                try? Files.makeDirectory(keep)
                try? Files.writeDurably(Array(member.log.utf8), to: "\(keep)/\(name)-\(member.name).log", mode: 0o644)
            }
        }
        text += "--- the lease\n\(record ?? "none")\n"
        let bytes = Array(text.utf8)
        _ = bytes.withUnsafeBytes { Glibc.write(2, $0.baseAddress, $0.count) }
    }
}
