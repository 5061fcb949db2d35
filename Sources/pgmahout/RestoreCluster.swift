import Archive
import ArgumentParser
import ClusterModel
import Configuration
import ObjectStorage
import Platform
import Postgres

struct RestoreCluster: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster",
        abstract: "Restore all of a cluster into an empty directory; this is what plain 'restore' does.",
        discussion: """
            What can be reached, and from which backup, is found out before anything is touched; --plan says it and ends. \
            The directory appears when all is done: recovered, cleanly shut down, to be started with postgres -D. What \
            comes out is a cluster of its own, which neither joins nor archives for the one that it came from.
            """)

    @OptionGroup var source: RestoreSourceOptions
    @OptionGroup var targets: TargetOptions
    @OptionGroup var output: OutputOptions

    @Option(help: ArgumentHelp("Where to: an absolute path, missing or empty.", valueName: "directory"))
    var targetDirectory: String?

    @Flag(
        help: ArgumentHelp(
            "Replace the data of this member, which must be stopped; needs the token that --plan prints.",
            discussion: "The old data is kept beside it under another name."))
    var inPlace = false

    @Option(help: ArgumentHelp("Approves the plan that printed it.", valueName: "token"))
    var token: String?

    @Option(
        help: ArgumentHelp(
            "Where a tablespace goes, by its name; default: where it was. May be repeated.",
            valueName: "name=directory"))
    var tablespace: [String] = []

    @Flag(help: "Say what would be done and whether it can be, and do nothing.")
    var plan = false

    @Option(
        help: ArgumentHelp(
            "When WAL is replayed: 'now'; 'at-start', by the server that is started there; or 'none', which leaves the "
                + "files as they were backed up.", valueName: "when"))
    var recovery = RecoveryMoment.now

    enum RecoveryMoment: String, ExpressibleByArgument, CaseIterable {
        case now
        case atStart = "at-start"
        case none
    }

    func validate() throws {
        guard (targetDirectory == nil) == inPlace else {
            throw ValidationError("one of --target-directory and --in-place is needed")
        }
        if let targetDirectory, !targetDirectory.hasPrefix("/") {
            throw ValidationError("--target-directory takes an absolute path")
        }
        if inPlace, recovery != .now { throw ValidationError("--in-place always recovers now") }
        if inPlace, !plan, token == nil {
            throw ValidationError("--in-place needs --plan, or the --token that it printed")
        }
        if token != nil, !inPlace || plan { throw ValidationError("--token goes with --in-place, and without --plan") }
        _ = try Self.mapping(tablespace)
    }

    func run() throws {
        if !plan, recovery != .none, let refusal = ProcessUser.refusal() { throw Failure(.notPermitted, refusal) }
        let location = try source.location()
        var request = try source.request(location, to: targetDirectory ?? "", targets)
        request.tablespaces = try Self.mapping(tablespace)
        var progress = ProgressLine()
        defer { progress.end() }
        do {
            progress.show(ArchiveProgress(phase: "planning"))
            if inPlace { return try replace(request, location, &progress) }
            let store = try location.store()
            let found = try RestorePlanner(request, store: store).plan()
            progress.end()
            if plan { return try PlanReport(found).show(output.output) }
            for remark in found.remarks { Console.error("pgmahout: \(remark)") }
            let outcome = try Archive.Restore.run(
                found, store: store, mode: mode(location), progress: { progress.show($0) })
            progress.end()
            try RestoreReport(outcome, request.targetDirectory).show(output.output)
        } catch let error as RestoreError {
            progress.end()
            throw Failure(error)
        }
    }

    private func replace(
        _ request: RestoreRequest, _ location: ArchiveOptions.Location, _ progress: inout ProgressLine
    ) throws {
        guard let configuration = location.configuration else {
            throw Failure(
                .usage, "--in-place is about the member of a configuration file: give --config, not --archive")
        }
        guard location.server == configuration.archive?.server else {
            throw Failure(.usage, "--in-place restores from the cluster's own archive: leave --server out")
        }
        let major = try RestoreTools.majorVersion(in: request.binDirectory)
        let restore = try InPlaceRestore(
            request,
            DataDirectory(path: configuration.dataDirectory, cluster: configuration.cluster, major: major))
        guard let token else {
            let (found, token) = try restore.plan()
            progress.end()
            return try PlanReport(found, token: found.isFeasible ? token : nil).show(output.output)
        }
        let outcome = try restore.run(token: token) { progress.show($0) }
        progress.end()
        try RestoreReport(outcome, configuration.dataDirectory).show(output.output)
        guard output.output == .table else { return }
        Console.line(
            "start pgmahout on this member first, and the others once it leads: they take over its state by themselves")
    }

    private func mode(_ location: ArchiveOptions.Location) -> Archive.Restore.Mode {
        switch recovery {
        case .now: .recovered
        case .atStart: .prepared(restoreCommand: source.restoreCommand(location))
        case .none: .files
        }
    }

    static func mapping(_ pairs: [String]) throws -> [String: String] {
        var places: [String: String] = [:]
        for pair in pairs {
            let parts = pair.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, parts[1].hasPrefix("/") else {
                throw ValidationError("'\(pair)' is no NAME=DIRECTORY with an absolute path")
            }
            guard places.updateValue(String(parts[1]), forKey: String(parts[0])) == nil else {
                throw ValidationError("--tablespace names \(parts[0]) twice")
            }
        }
        return places
    }
}

extension Failure {
    init(_ error: RestoreError) {
        let reason: ExitReason =
            switch error.kind {
            case .refused: .failed
            case .unavailable: .unavailable
            case .occupied: .dataRefused
            }
        self.init(reason, error.description)
    }
}
