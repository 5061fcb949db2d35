import Archive
import ArgumentParser
import ClusterModel
import Configuration
import Glibc
import ObjectStorage

struct RetentionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retention", abstract: "Delete the backups and the WAL that are no longer needed.",
        discussion: """
            Policies: 'REDUNDANCY 3', 'RECOVERY WINDOW OF 14 DAYS' (or WEEKS, MONTHS), or in short 30d, 4w, 3m. The \
            last good backup is never deleted, nor what is annotated (backup keep).
            """,
        subcommands: [Plan.self, Apply.self], defaultSubcommand: Plan.self)

    struct Plan: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what would be deleted, what stays, and why. Changes nothing.")

        @OptionGroup var retention: RetentionOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            let plan = try retention.plan()
            try RetentionTable(plan.plan, applied: false).show(output.output)
        }
    }

    struct Apply: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete what 'retention plan' shows.")

        @OptionGroup var retention: RetentionOptions
        @OptionGroup var output: OutputOptions
        @OptionGroup var confirmation: ConfirmationOptions

        func run() throws {
            let (plan, store, layout) = try retention.plan()
            if !plan.isEmpty {
                if output.output == .table { try RetentionTable(plan, applied: false).show(.table) }
                try confirmation.confirm(
                    "this deletes \(plan.deleted.count) backups and \(plan.wal.count) WAL files for good",
                    question: "Delete them?")
            }
            try RetentionOptions.apply(plan, store, layout)
            if output.output == .json { try RetentionTable(plan, applied: true).show(.json) }
        }
    }
}

/// Which archive, and by which rules.
struct RetentionOptions: ParsableArguments {
    @OptionGroup var archive: ArchiveOptions

    @Option(help: ArgumentHelp("Instead of archive.retention of the configuration.", valueName: "policy"))
    var policy: String?

    @Option(help: ArgumentHelp("Never fewer good backups; default: archive.minimumRedundancy.", valueName: "n"))
    var minimumRedundancy: Int?

    func validate() throws {
        if let policy, RetentionPolicy(policy) == nil {
            throw ValidationError(
                "'\(policy)' is no policy: REDUNDANCY n, RECOVERY WINDOW OF n DAYS|WEEKS|MONTHS, 30d, 4w or 3m")
        }
        if let minimumRedundancy, minimumRedundancy < 1 {
            throw ValidationError("--minimum-redundancy is at least 1: the last good backup is never deleted")
        }
    }

    func plan(only: String? = nil) throws -> (plan: RetentionPlan, store: any ObjectStore, layout: ArchiveLayout) {
        let location = try archive.location()
        let configured = location.configuration?.archive
        let store = try location.store()
        // A copy of a configuration must not delete in the archive that it was copied from.
        if archive.server == nil, let cluster = location.configuration?.cluster {
            do throws(ArchiveError) { try ArchiveOwner.require(cluster: cluster, store, location.layout) } catch {
                throw Failure(error)
            }
        }
        do {
            let inventory = try ArchiveInventory.read(store, location.layout)
            let rules = RetentionPlan.Rules(
                policy: (policy ?? configured?.retention).flatMap { RetentionPolicy($0) },
                minimum: minimumRedundancy ?? configured?.minimumRedundancy ?? 1,
                now: Timestamp(microseconds: Int64(time(nil)) * 1_000_000), only: only)
            return (RetentionPlan(inventory, rules), store, location.layout)
        } catch {
            throw Failure(.unavailable, "the archive cannot be read: \(error)")
        }
    }

    static func apply(_ plan: RetentionPlan, _ store: any ObjectStore, _ layout: ArchiveLayout) throws {
        var progress = ProgressLine()
        defer { progress.end() }
        do {
            try RetentionRun(store, layout, progress: { progress.show($0) }).apply(plan)
        } catch {
            progress.end()
            throw Failure(error)
        }
    }
}

/// A plan for people and for scripts.
struct RetentionTable {
    let plan: RetentionPlan
    let applied: Bool

    init(_ plan: RetentionPlan, applied: Bool) {
        self.plan = plan
        self.applied = applied
    }

    func show(_ format: OutputOptions.Format) throws {
        switch format {
        case .table: Console.line(text)
        case .json: try Console.json(Summary(plan, applied: applied))
        }
    }

    var text: String {
        var table = TextTable([
            .init("BACKUP"), .init("STATUS"), .init("FINISHED"), .init("SIZE", .right), .init("VERDICT"),
            .init("REASON"),
        ])
        for verdict in plan.backups {
            table.add([
                verdict.backup.id, verdict.backup.info?.status.rawValue.lowercased() ?? "",
                verdict.backup.info?.endTime?.iso8601 ?? "", Amounts.bytes(verdict.backup.bytes),
                verdict.deletes ? "delete" : "keep", verdict.reason,
            ])
        }
        var lines = [table.text, ""]
        for range in plan.walRanges {
            lines.append(
                "WAL of timeline \(range.timeline): delete \(range.count) files, \(Amounts.bytes(range.bytes)), from "
                    + "\(range.first) to \(range.last)")
        }
        lines.append("WAL that stays: \(plan.walKept) files, \(Amounts.bytes(plan.walKeptBytes))")
        if let held = plan.walHeld { lines.append("no WAL is deleted: \(held)") }
        if !plan.tail.isEmpty { lines.append("pieces of the tail: delete \(plan.tail.count) objects") }
        if !plan.orphans.isEmpty { lines.append("left over beside the backups: delete \(plan.orphans.count) objects") }
        lines.append(plan.isEmpty ? "nothing to delete" : "frees \(Amounts.bytes(plan.bytes))")
        return lines.joined(separator: "\n")
    }

    struct Summary: Encodable {
        struct Backup: Encodable {
            let id: String
            let status: String?
            let finished: String?
            let bytes: UInt64
            let deletes: Bool
            let reason: String
        }

        struct WAL: Encodable {
            let timeline: TimelineID
            let first: String
            let last: String
            let count: Int
            let bytes: UInt64
        }

        let applied: Bool
        let backups: [Backup]
        let wal: [WAL]
        let walKept: Int
        let walKeptBytes: UInt64
        let walHeld: String?
        let leftovers: [String]
        let freedBytes: UInt64

        init(_ plan: RetentionPlan, applied: Bool) {
            self.applied = applied
            backups = plan.backups.map {
                Backup(
                    id: $0.backup.id, status: $0.backup.info?.status.rawValue,
                    finished: $0.backup.info?.endTime?.iso8601, bytes: $0.backup.bytes, deletes: $0.deletes,
                    reason: $0.reason)
            }
            wal = plan.walRanges.map {
                WAL(
                    timeline: $0.timeline, first: "\($0.first)", last: "\($0.last)", count: $0.count, bytes: $0.bytes)
            }
            walKept = plan.walKept
            walKeptBytes = plan.walKeptBytes
            walHeld = plan.walHeld
            leftovers = (plan.orphans + plan.tail).map(\.key.text)
            freedBytes = plan.bytes
        }
    }
}
