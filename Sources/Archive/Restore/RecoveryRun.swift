import ClusterModel
import Glibc
import Platform
import Postgres
import Synchronization

/// Replays the archived WAL over unpacked files: a server that nobody reaches, with a WAL server of its own.
struct RecoveryRun {
    let plan: RestorePlan

    private var request: RestoreRequest { plan.request }
    private var backup: BackupInfo { plan.backup }

    private static let pollInterval = Duration.milliseconds(100)
    /// For the end of recovery's checkpoint and that of the shutdown.
    private static let stopTime = Duration.seconds(600)

    // MARK: Version

    /// Throws unless the programs are of the backup's major version.
    func checkVersion() throws {
        let found = try RestoreTools.majorVersion(in: request.binDirectory)
        guard let major = backup.majorVersion, found == major else {
            throw RestoreError(
                "the backup is of PostgreSQL \(backup.majorVersion.map(String.init) ?? "?"), and "
                    + "'\(request.binDirectory)' is of \(found)")
        }
    }

    private var binaries: PostgresBinaries { PostgresBinaries(directory: request.binDirectory) }

    // MARK: Recovery

    /// Returns when the server has reached the target, was promoted and has shut down cleanly.
    /// - Returns: the time of the last transaction that was replayed, as the server tells it.
    func run(in directory: String, _ progress: (ArchiveProgress) -> Void) throws -> String? {
        let runtime = try RuntimeDirectory()
        var serving = ArchiveSettings(
            location: request.archive, server: request.server, dataDirectory: directory,
            socketPath: runtime.path + "/archive.sock")
        serving.servesTail = request.usesTail
        let server = try WALServer(serving)
        defer { server.stop() }
        let log = try RecoveryLog(path: runtime.path + "/postgres.log")
        let registry = ChildRegistry()
        let end = ExitWaiter()
        let canonical = try Files.canonicalPath(directory)
        let process = try registry.spawn(command(directory, runtime, log)) { _, status in end.set(status) }
        do {
            while try !isRecovered(directory) {
                if let status = end.wait(registry, until: BootClock.now() + Self.pollInterval) {
                    throw log.failure(status, target: request.target)
                }
                progress(ArchiveProgress(phase: "recovering"))
            }
            progress(ArchiveProgress(phase: "stopping"))
            // Smart is fast where nobody can connect, and the one signal that a tied program gets passed on.
            registry.signal(process, SIGTERM)
            guard let status = end.wait(registry, until: BootClock.now() + Self.stopTime) else {
                throw RestoreError("the restored server does not shut down")
            }
            guard status.isSuccess else { throw log.failure(status, target: request.target) }
            return log.lastTransaction
        } catch {
            if end.status == nil {
                _ = Processes.killPostgres(postmaster: process, dataDirectory: canonical)
                _ = end.wait(registry, until: BootClock.now() + .seconds(5))
            }
            throw error
        }
    }

    /// The server removes the signal file before it says that it is in production; the copied pg_control may say so
    /// from the beginning.
    private func isRecovered(_ directory: String) throws -> Bool {
        guard !Files.exists(directory + "/recovery.signal") else { return false }
        return try ControlData.read(dataDirectory: directory).state == .inProduction
    }

    /// The timeline is a number, never "latest": the plan has looked at what is in the archive, and another one may have
    /// come into being meanwhile.
    var targetSettings: [(name: String, value: String)] {
        [
            ("recovery_target_action", "promote"),
            ("recovery_target_timeline", String(plan.path.timeline.rawValue)),
        ] + request.target.settings
    }

    private func command(_ directory: String, _ runtime: borrowing RuntimeDirectory, _ log: RecoveryLog) -> Command {
        var settings = [
            "restore_command=\(Self.word(request.walClient)) fetch --socket \(Self.word(runtime.path + "/archive.sock")) "
                + "--timeout 300 %f %p",
            "archive_mode=off",
            "listen_addresses=", "unix_socket_directories=\(runtime.path)", "logging_collector=off",
            "log_destination=stderr", "log_min_messages=warning", "log_line_prefix=", "lc_messages=C", "ssl=off",
            "autovacuum=off", "hba_file=\(directory)/pg_hba.conf", "ident_file=\(directory)/pg_ident.conf",
            // Nobody connects, and so limits of the former primary do not have to be met.
            "hot_standby=off",
            // All of it is synced at the end, and thrown away when there is none.
            "fsync=off",
        ]
        settings += targetSettings.map { "\($0.name)=\($0.value)" }
        var command = Tools(binaries: binaries, environment: Command.inheritedEnvironment).postmaster(directory)
        command.arguments += settings.flatMap { ["-c", $0] }
        command.output = .descriptor(log.descriptor)
        command.error = .descriptor(log.descriptor)
        return request.guardProgram.map { command.tied(by: $0) } ?? command
    }

    /// For sh, behind PostgreSQL's own `%`.
    private static func word(_ text: String) -> String {
        "'" + text.replacing("%", with: "%%").replacing("'", with: "'\\''") + "'"
    }
}

/// PostgreSQL's programs, for restores.
package enum RestoreTools {
    private static let versionTime = Duration.seconds(10)

    package static func majorVersion(in directory: String) throws(RestoreError) -> Int {
        let tools = Tools(
            binaries: PostgresBinaries(directory: directory), environment: Command.inheritedEnvironment)
        let status: ExitStatus?
        let text: String
        do { (status, text) = try ToolRun.output(of: tools.version(), within: versionTime) } catch {
            throw RestoreError("PostgreSQL's programs are not in '\(directory)': \(error)")
        }
        guard status?.isSuccess == true, let major = PostgresBinaries.majorVersion(inVersionText: text) else {
            throw RestoreError("'\(directory)/postgres --version' failed: \(text)")
        }
        return major
    }
}
