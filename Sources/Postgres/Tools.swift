import Platform

/// The programs of PostgreSQL as commands for the child registry. None of them carries a password.
package struct Tools: Hashable, Sendable {
    package let binaries: PostgresBinaries
    /// What the programs see. Variables that libpq, initdb or we would take for settings are left out.
    package let environment: [String: String]

    /// - Parameter environment: of this process.
    package init(binaries: PostgresBinaries, environment: [String: String]) {
        self.binaries = binaries
        var kept = environment.filter { !$0.key.hasPrefix("PG") && !$0.key.hasPrefix("LC_") && $0.key != "LANGUAGE" }
        let path = environment["PATH"] ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        kept["PATH"] = binaries.directory + ":" + path
        // Messages in one language, whatever the image has; what data is sorted by is initdb's option.
        kept["LC_ALL"] = "C"
        self.environment = kept
    }

    /// What initdb decides once and for all.
    package struct InitialSettings: Hashable, Sendable {
        package var superuser: String
        package var encoding: String
        package var locale: String
        package var dataChecksums: Bool
        /// Bytes; a power of two from 1 MiB to 1 GiB.
        package var walSegmentSize: UInt64
        /// Further arguments, one each.
        package var options: [String]

        package init(
            superuser: String, encoding: String = "UTF8", locale: String = "C", dataChecksums: Bool = true,
            walSegmentSize: UInt64 = 16 << 20, options: [String] = []
        ) {
            self.superuser = superuser
            self.encoding = encoding
            self.locale = locale
            self.dataChecksums = dataChecksums
            self.walSegmentSize = walSegmentSize
            self.options = options
        }
    }

    /// Prints what `PostgresBinaries.majorVersion(inVersionText:)` reads.
    package func version() -> Command { command("postgres", ["--version"]) }

    /// Into the staging directory, which is synced as a whole when it is adopted.
    /// - Parameter major: of the programs.
    package func initdb(into directory: String, _ settings: InitialSettings, major: Int) -> Command {
        var arguments = [
            "--pgdata=\(directory)", "--username=\(settings.superuser)", "--encoding=\(settings.encoding)",
            "--locale=\(settings.locale)", "--wal-segsize=\(settings.walSegmentSize >> 20)",
            "--auth-local=trust", "--auth-host=scram-sha-256", "--no-instructions", "--no-sync",
        ]
        if settings.dataChecksums {
            arguments.append("--data-checksums")
        } else if major >= 18 {
            // On by default there, and the option to turn them off is unknown before.
            arguments.append("--no-data-checksums")
        }
        return command("initdb", arguments + settings.options)
    }

    /// Runs `Bootstrap.script` in a server without clients, sockets or background processes: it either succeeds whole
    /// (exit 0) or the staging directory is discarded.
    /// - Parameter script: a descriptor to read it from.
    package func finishBootstrap(in directory: String, script: Int32) -> Command {
        var command = command(
            "postgres",
            [
                "--single", "-j", "-D", directory, "-c", "exit_on_error=on", "-c", "fsync=off",
                // The script holds passwords: no statement of it may reach the log.
                "-c", "log_min_error_statement=panic", "-c", "log_statement=none", "postgres",
            ])
        command.input = .descriptor(script)
        // It prints a prompt for every statement.
        command.output = .null
        return command
    }

    /// A clone into the staging directory, which is synced as a whole when it is adopted.
    ///
    /// It receives WAL, too, and with a slot it says how far: not in the member's name, or commits would be acknowledged
    /// on the strength of a directory that may never be finished.
    /// - Parameters:
    ///   - source: a primary or a standby.
    ///   - slot: on the source, where it must exist: keeps the WAL until the clone streams from there.
    package func baseBackup(from source: ConnectionInfo, into directory: String, slot: String? = nil) -> Command {
        var source = source
        source.applicationName = "clone of " + source.applicationName
        var arguments = [
            "--pgdata=\(directory)", "--dbname=\(source.conninfo)", "--wal-method=stream", "--checkpoint=fast",
            "--label=pgmahout clone", "--no-password", "--no-sync", "--no-manifest",
        ]
        if let slot { arguments.append("--slot=\(slot)") }
        return command("pg_basebackup", arguments)
    }

    /// After `DataDirectory.beginRewind`; postgres must not run. The source must have written a checkpoint since its
    /// promotion, or its pg_control still names the old timeline.
    /// - Parameter restoreWAL: whether segments that are gone may be fetched with restore_command.
    package func rewind(_ directory: String, to source: ConnectionInfo, restoreWAL: Bool = false) -> Command {
        var arguments = ["--target-pgdata=\(directory)", "--source-server=\(source.conninfo)"]
        if restoreWAL { arguments.append("--restore-target-wal") }
        return command("pg_rewind", arguments)
    }

    /// After `ServerConfiguration.prepareStart`.
    package func postmaster(_ directory: String) -> Command { command("postgres", ["-D", directory]) }

    private func command(_ tool: String, _ arguments: [String]) -> Command {
        Command(binaries.path(tool), arguments, environment: environment)
    }
}
