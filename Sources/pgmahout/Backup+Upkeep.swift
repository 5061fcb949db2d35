import Archive
import ArgumentParser
import ObjectStorage

extension Backup {
    struct Keep: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Keep a backup whatever the retention policy says, as barman-cloud-backup-keep does.")

        @OptionGroup var options: ArchiveOptions

        @Argument(help: "The backup's id.")
        var id: String

        @Flag(help: "Only with the WAL that makes it consistent, not with all that comes after it.")
        var standalone = false

        @Flag(help: "The policy applies to it again.")
        var release = false

        func validate() throws {
            guard BackupInfo.isID(id) else { throw ValidationError("'\(id)' is no id of a backup") }
            if standalone, release { throw ValidationError("--standalone and --release exclude each other") }
        }

        func run() throws {
            let location = try options.location()
            let store = try location.store()
            do {
                try KeepAnnotation.set(
                    release ? nil : standalone ? .standalone : .full, of: id, store, location.layout)
            } catch { throw Failure(error) }
            Console.line(release ? "\(id): the policy applies" : "\(id): kept")
        }
    }

    struct Delete: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a backup and the WAL that only it needed.",
            discussion: "The last good backup and those that are annotated (backup keep) are refused.")

        @OptionGroup var retention: RetentionOptions
        @OptionGroup var output: OutputOptions
        @OptionGroup var confirmation: ConfirmationOptions

        @Argument(help: "The backup's id.")
        var id: String

        func run() throws {
            let (plan, store, layout) = try retention.plan(only: id)
            if let refusal = plan.refusal(of: id) { throw Failure(.failed, refusal) }
            try confirmation.confirm(
                "this deletes backup \(id) and \(plan.wal.count) WAL files for good, \(Amounts.bytes(plan.bytes))",
                question: "Delete them?")
            try RetentionOptions.apply(plan, store, layout)
            switch output.output {
            case .table: Console.line("deleted \(id)")
            case .json: try RetentionTable(plan, applied: true).show(.json)
            }
        }
    }
}
