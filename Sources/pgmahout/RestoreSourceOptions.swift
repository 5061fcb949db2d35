import Archive
import ArgumentParser
import Configuration
import Platform

/// What every restore has to know: the archive, PostgreSQL's programs, and how much at once.
struct RestoreSourceOptions: ParsableArguments {
    @OptionGroup var archive: ArchiveOptions

    @Option(
        help: ArgumentHelp(
            "Where PostgreSQL's programs are; default: those of the configuration, if one is read.",
            valueName: "directory"))
    var binDirectory: String?

    @Option(help: "How many parts are unpacked at once.")
    var parallel = 2

    @Flag(
        help: ArgumentHelp(
            "Go on behind the last whole segment, with what archive.tail has shipped of the next one; only as far as the "
                + "archive reaches."))
    var tail = false

    func validate() throws {
        guard (1...64).contains(parallel) else { throw ValidationError("--parallel takes 1 to 64") }
        guard archive.archive == nil || binDirectory != nil else {
            throw ValidationError("--archive needs --bin-directory")
        }
    }

    func location() throws -> ArchiveOptions.Location { try archive.location() }

    func request(_ location: ArchiveOptions.Location, to directory: String, _ targets: TargetOptions) throws
        -> RestoreRequest
    {
        guard let programs = binDirectory ?? location.configuration?.postgres.binDirectory else {
            throw Failure(.usage, "--bin-directory is missing")
        }
        guard !tail || targets.target == .latest else {
            throw Failure(.usage, "--tail goes with a restore as far as the archive reaches, not to a target before")
        }
        var request = RestoreRequest(
            archive: location.archive, server: location.server, targetDirectory: directory, target: targets.target,
            backupID: targets.backup, binDirectory: programs, walClient: Programs.path("pgmahout-wal"),
            guardProgram: Programs.path("pgmahout-guard"), parallel: parallel)
        request.usesTail = tail
        return request
    }

    /// For a server that recovers by itself: fetches from the same archive, without an archiver.
    func restoreCommand(_ location: ArchiveOptions.Location) -> String {
        var words = [Programs.path("pgmahout"), "wal-fetch"]
        if let archive = archive.archive {
            words += ["--archive", archive]
        } else {
            words += ["--config", archive.config]
        }
        words += ["--server", location.server]
        let quoted = words.map { "'" + $0.replacing("%", with: "%%").replacing("'", with: "'\\''") + "'" }
        return quoted.joined(separator: " ") + " %f %p"
    }
}
