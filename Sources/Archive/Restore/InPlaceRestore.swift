import ClusterModel
import Glibc
import ObjectStorage
import Platform
import Postgres

/// A restore into the place of a member's data: the cluster goes on from an earlier state, on a new timeline of the same
/// system, and archives where it did.
///
/// The old directory is never removed: it gets another name. Nothing happens without a token that the plan gave out: it
/// is a hash over the plan and over the state of the directory, so that an approval holds for exactly what was looked at.
package struct InPlaceRestore {
    private let request: RestoreRequest
    private let directory: DataDirectory
    private let store: any ObjectStore
    private let identity: DataDirectoryIdentity
    private let control: ControlData
    private let lock: LockBox

    /// Held as long as the value: no pgmahout starts on the directory meanwhile.
    private final class LockBox {
        private let lock: FileLock
        init?(_ path: String) throws {
            guard let lock = try FileLock(exclusive: path) else { return nil }
            self.lock = lock
        }
    }

    /// Looks at the directory and takes its lock.
    /// - Parameters:
    ///   - request: its target directory, system and known histories are set here.
    ///   - directory: of a member that is stopped.
    package init(_ request: RestoreRequest, _ directory: DataDirectory) throws(RestoreError) {
        do {
            self = try InPlaceRestore(checked: request, directory)
        } catch let error as RestoreError {
            throw error
        } catch {
            throw RestoreError("\(error)")
        }
    }

    private init(checked request: RestoreRequest, _ directory: DataDirectory) throws {
        guard let lock = try LockBox(directory.path + ".pgmahout-lock") else {
            throw RestoreError(
                .occupied, "pgmahout runs on '\(directory.path)': stop it (of a cluster: every member) and try again")
        }
        if let postmaster = PostmasterPIDFile.read(dataDirectory: directory.path), postmaster.refersToLiveProcess() {
            throw RestoreError(.occupied, "a server runs on '\(directory.path)' (process \(postmaster.processID))")
        }
        switch directory.inspect() {
        case .ours(let identity, let control): (self.identity, self.control) = (identity, control)
        case .absent, .incomplete:
            throw RestoreError(
                "there is nothing at '\(directory.path)' to be replaced: a member without data clones itself; to make a "
                    + "new cluster of a backup, use bootstrap.recovery")
        case .interruptedRewind:
            throw RestoreError(
                .occupied, "'\(directory.path)' is in the middle of a rewind: restore on another member")
        case .refused(let reason): throw RestoreError(.occupied, reason)
        }
        var request = request
        request.targetDirectory = directory.path
        request.system = control.systemIdentifier
        request.knownHistories = directory.path + "/pg_wal"
        request.replacesTarget = true
        self.request = request
        self.directory = directory
        self.lock = lock
        store = try request.archive.open()
    }

    /// The plan, and the token that approves it.
    package func plan() throws(RestoreError) -> (plan: RestorePlan, token: String) {
        var plan = try RestorePlanner(request, store: store).plan()
        plan.remarks.append(
            "'\(directory.path)' is replaced; it is kept under another name beside it, and has to be removed by hand")
        if control.timeline > plan.path.timeline {
            plan.remarks.append(
                "the data is on timeline \(control.timeline), and the archive's way ends on \(plan.path.timeline): what "
                    + "was not archived is lost to the restored cluster, and only in what is kept")
        }
        return (plan, try token(plan))
    }

    private func token(_ plan: RestorePlan) throws(RestoreError) -> String {
        let text = [
            plan.canonicalText, identity.cluster, "\(control.systemIdentifier)", "\(control.timeline)",
            "\(control.checkpoint)", "\(control.lastModified)", "\(identity.term)",
        ].joined(separator: "\n")
        do throws(ObjectStoreError) { return String(try Digests.sha256Hex(Array(text.utf8)).prefix(20)) } catch {
            throw RestoreError(error.message)
        }
    }

    /// Replaces the data.
    /// - Parameter token: of this very plan.
    /// - Throws: without the right token, or when anything goes wrong; then the data is as it was.
    package func run(token: String, progress: (ArchiveProgress) -> Void = { _ in }) throws(RestoreError)
        -> Restore.Outcome
    {
        let (plan, wanted) = try plan()
        try plan.require()
        guard token == wanted else {
            throw RestoreError(
                "the token does not approve this plan: the archive or the data has changed since it was given out, or it "
                    + "is of another plan; look at --plan again")
        }
        return try Restore.run(
            plan, store: store, aside: directory.path + ".pgmahout-kept-" + plan.backup.id + "-" + wanted.prefix(6),
            finish: { try finish($0) }, progress: progress)
    }

    /// The restored directory becomes a member's again: of the same cluster, and to be archived from its fork on.
    private func finish(_ restored: String) throws {
        let control = try ControlData.read(dataDirectory: restored)
        try DataDirectory(path: restored, cluster: directory.cluster, major: directory.major).writeIdentity(identity)
        try Self.queueForArchive(control, in: restored)
        try Files.syncFileSystem(of: restored)
    }

    /// Recovery ran without an archiver: what the new timeline has begun with has to be archived nevertheless, or nobody
    /// could ever recover along it. The segment with the shutdown checkpoint is still being written, and what comes
    /// behind it has only got its name for later.
    static func queueForArchive(_ control: ControlData, in directory: String) throws {
        let place = directory + "/pg_wal"
        let current = control.checkpoint.rawValue / control.walSegmentSize
        try Files.makeDirectory(place + "/archive_status")
        for text in try Files.list(place) {
            guard let name = WALFileName(text, segmentSize: control.walSegmentSize),
                name.timeline == control.checkpointTimeline
            else { continue }
            switch name {
            case .history: break
            case .segment(let segment) where segment.number < current: break
            default: continue
            }
            let status = "\(place)/archive_status/\(name)"
            guard !Files.exists(status + ".done") else { continue }
            try Files.writeDurably([UInt8](), to: status + ".ready")
        }
    }
}
