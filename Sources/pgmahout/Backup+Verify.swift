import Archive
import ArgumentParser
import ClusterModel
import ObjectStorage

extension Backup {
    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read backups of the archive again, and name what is damaged or missing.",
            discussion: """
                Reads every part to its last byte, compares the files in it with the backup's manifest, and the WAL from \
                its begin to its end; behind that, it looks for missing segments as far as the archive reaches. Nothing is \
                written. Ends with 1 when something is wrong.
                """)

        @Argument(help: "Id or name of a backup, or 'all'. Default: the newest.")
        var backup: String?

        @OptionGroup var options: ArchiveOptions
        @OptionGroup var output: OutputOptions
        @OptionGroup var rate: RateOption

        @Option(help: "How many objects are read at once.")
        var parallel = 2

        @Flag(help: "Read all WAL behind the backup as well, instead of only looking whether it is there.")
        var readWal = false

        func validate() throws {
            guard (1...64).contains(parallel) else { throw ValidationError("--parallel takes 1 to 64") }
        }

        private var choice: BackupVerification.Choice {
            switch backup {
            case nil: .newest
            case "all"?: .all
            case let name?: .one(name)
            }
        }

        func run() throws {
            let location = try options.location()
            let store = try location.store()
            var settings = BackupVerification.Options()
            settings.parallel = parallel
            settings.readsAllWAL = readWal
            settings.rate = rate.bytesPerSecond
            var progress = ProgressLine()
            defer { progress.end() }
            var (checked, bad, findings) = (0, 0, 0)
            do {
                try BackupVerification(store, location.layout, settings).run(
                    choice, progress: { progress.show($0) }
                ) { check in
                    progress.end()
                    checked += 1
                    bad += check.isGood ? 0 : 1
                    findings += check.findings.count
                    switch output.output {
                    case .json: try Console.json(check)
                    case .table: Console.line(BackupCheckText.text(check))
                    }
                }
            } catch {
                progress.end()
                throw Failure(error)
            }
            guard findings == 0 else {
                throw Failure(
                    .failed,
                    "\(findings) finding\(findings == 1 ? "" : "s") in \(bad) of \(checked) "
                        + "backup\(checked == 1 ? "" : "s")")
            }
        }
    }
}

/// The result of reading a backup again, for people.
enum BackupCheckText {
    static func text(_ check: BackupCheck) -> String {
        let head =
            "backup \(check.backup): \(check.isGood ? "good" : "BAD"), \(check.objects) objects "
            + "(\(Amounts.bytes(check.storedBytes))) read in \(Amounts.seconds(milliseconds: check.milliseconds)), "
            + "\(check.comparedFiles) files compared with the manifest"
        var lines = [head]
        if let end = check.walEnd, let timeline = check.timeline {
            lines.append(
                "  WAL: \(check.walSegments) segments, \(check.walRead) of them read; unbroken to \(end), "
                    + "timeline \(timeline)")
        }
        lines += check.findings.map { "  \($0)" }
        lines += check.remarks.map { "  note: \($0)" }
        return lines.joined(separator: "\n")
    }
}
