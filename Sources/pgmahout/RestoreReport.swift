import Archive
import ClusterModel

/// What a restore would do, for people and scripts.
struct PlanReport: Encodable {
    struct Tablespace: Encodable {
        let name: String
        let oid: UInt32
        let location: String
        let original: String
    }

    let feasible: Bool
    let problems: [String]
    let remarks: [String]
    let backup: String
    let backupEnd: String?
    let systemIdentifier: String?
    let target: String
    let timeline: TimelineID
    let targetDirectory: String
    /// What has to be replayed at least.
    let consistentAt: LSN?
    /// Where unbroken WAL ends in the archive.
    let walEnd: LSN
    let lastSegment: String?
    let firstMissingSegment: String?
    /// Of the archived WAL; nil: not known before replay.
    let lastCommit: String?
    let parts: Int
    let storedBytes: UInt64
    let spaceNeeded: UInt64?
    let spaceFree: UInt64?
    let tablespaces: [Tablespace]
    /// Approves exactly this plan; only where data is replaced.
    var token: String?

    init(_ plan: RestorePlan, token: String? = nil) {
        feasible = plan.isFeasible
        problems = plan.problems
        remarks = plan.remarks
        backup = plan.backup.id
        backupEnd = plan.backup.endTime?.iso8601
        systemIdentifier = plan.backup.systemIdentifier?.description
        target = plan.request.target.description
        timeline = plan.path.timeline
        targetDirectory = plan.request.targetDirectory
        consistentAt = plan.backup.endLSN
        walEnd = plan.reach.end
        lastSegment = plan.reach.last?.description
        firstMissingSegment = plan.reach.gap?.description
        lastCommit = plan.lastCommit?.iso8601
        parts = plan.parts.count
        storedBytes = plan.parts.reduce(0) { $0 + $1.bytes }
        spaceNeeded = plan.spaceNeeded
        spaceFree = plan.spaceFree
        tablespaces = plan.tablespaces.map {
            Tablespace(name: $0.name, oid: $0.oid, location: $0.location, original: $0.original)
        }
        self.token = token
    }

    /// Ends the command with an exit code of its own when the plan is not feasible.
    func show(_ format: OutputOptions.Format) throws {
        switch format {
        case .json: try Console.json(self)
        case .table: Console.line(text)
        }
        guard feasible else { throw Failure(.failed, "it cannot be done: " + problems.joined(separator: "; ")) }
    }

    private var text: String {
        var rows = [
            ["backup", backup + (backupEnd.map { ", finished at \($0)" } ?? "")],
            ["system", systemIdentifier ?? "not told"],
            ["target", "\(target), along timeline \(timeline)"],
            ["directory", targetDirectory],
            ["WAL", "\(lastSegment.map { "unbroken up to \(walEnd), the end of \($0)" } ?? "none")"],
        ]
        if let firstMissingSegment { rows.append(["", "\(firstMissingSegment) is missing behind it"]) }
        if let lastCommit { rows.append(["", "last commit in it at \(lastCommit)"]) }
        rows.append(["data", "\(parts) part\(parts == 1 ? "" : "s"), \(Amounts.bytes(storedBytes)) stored"])
        if let spaceNeeded {
            rows.append([
                "space",
                "\(Amounts.bytes(spaceNeeded)) needed" + (spaceFree.map { ", \(Amounts.bytes($0)) free" } ?? ""),
            ])
        }
        for space in tablespaces {
            let moved = space.location == space.original ? "" : ", was \(space.original)"
            rows.append(["tablespace", "\(space.name) to \(space.location)\(moved)"])
        }
        for remark in remarks { rows.append(["note", remark]) }
        for problem in problems { rows.append(["problem", problem]) }
        if let token { rows.append(["approve with", "--token \(token)"]) }
        return rows.map { row in
            row[0] + String(repeating: " ", count: max(1, 14 - row[0].count)) + row[1]
        }.joined(separator: "\n")
    }
}

/// What a restore has done.
struct RestoreReport: Encodable {
    let backup: String
    let targetDirectory: String
    let timeline: TimelineID
    let endLSN: LSN
    let lastTransaction: String?
    let replaced: String?
    /// Milliseconds by part of the work.
    let phases: [String: Int64]

    init(_ outcome: Archive.Restore.Outcome, _ targetDirectory: String) {
        backup = outcome.backup.id
        self.targetDirectory = targetDirectory
        timeline = outcome.timeline
        endLSN = outcome.end
        lastTransaction = outcome.lastTransaction
        replaced = outcome.replaced
        phases = Dictionary(outcome.phases.map { ($0.name, $0.milliseconds) }) { $0 + $1 }
    }

    func show(_ format: OutputOptions.Format) throws {
        switch format {
        case .json: try Console.json(self)
        case .table:
            let last = lastTransaction.map { ", last transaction \($0)" } ?? ""
            Console.line(
                "restored backup \(backup) to \(targetDirectory): timeline \(timeline), position \(endLSN)\(last)")
            if let replaced { Console.line("what was there before is kept as '\(replaced)'") }
        }
    }
}
