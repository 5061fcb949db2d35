import ClusterModel
import Compression
import Glibc
import ObjectStorage
import Platform
import Postgres

/// Makes the plan of a restore. Reads; changes nothing.
package struct RestorePlanner {
    private let request: RestoreRequest
    private let store: any ObjectStore

    package init(_ request: RestoreRequest, store: any ObjectStore) {
        self.request = request
        self.store = store
    }

    /// For WAL beside the data itself.
    private static let spareBytes: UInt64 = 64 << 20
    /// What a recovering server keeps of the WAL that it replays.
    private static let keptWAL: UInt64 = 1 << 30

    /// - Parameter checksTarget: whether the place where the data goes is looked at as well.
    /// - Throws: `RestoreError` when there is no backup to start from.
    package func plan(checksTarget: Bool = true) throws(RestoreError) -> RestorePlan {
        do {
            return try make(checksTarget)
        } catch let error as RestoreError {
            throw error
        } catch let error as ObjectStoreError {
            throw RestoreError(.unavailable, "the archive cannot be read: \(error)")
        } catch {
            throw RestoreError("\(error)")
        }
    }

    private func make(_ checksTarget: Bool) throws -> RestorePlan {
        let layout = request.layout
        let catalogue = try BackupCatalogue.read(store, layout)
        let timelines = try ArchiveTimelines.read(store, layout)
        let choice = try BackupChoice.make(
            catalogue, timelines, request.target, id: request.backupID, system: request.system)
        let archived = try choice.path.archived(store, layout, timelines)
        var plan = RestorePlan(request, choice, choice.path.reach(in: archived))
        judgeWAL(&plan)
        judgeTime(&plan)
        for (id, reason) in catalogue.unreadable.sorted(by: { $0.key < $1.key }) {
            plan.remarks.append("backup \(id) is left out: \(reason)")
        }
        for (timeline, reason) in timelines.damaged.sorted(by: { $0.key < $1.key }) {
            plan.remarks.append("the history of timeline \(timeline) is left out: \(reason)")
        }
        try findParts(&plan)
        placeTablespaces(&plan, checksTarget)
        judgeSpace(&plan, checksTarget)
        return plan
    }

    // MARK: WAL

    private func judgeWAL(_ plan: inout RestorePlan) {
        let (backup, reach) = (plan.backup, plan.reach)
        let needed = backup.endLSN ?? .zero
        guard let last = reach.last, reach.end >= needed else {
            let missing = plan.path.segment(
                reach.last.map { $0.number + 1 } ?? (backup.beginWAL?.number ?? 0))
            plan.problems.append(
                "WAL segment \(missing) is missing, without which backup \(backup.id) is not consistent: it needs all "
                    + "up to \(needed)")
            return
        }
        if let gap = reach.gap, let newest = reach.newest {
            let text =
                "WAL segment \(gap) is missing, and what comes behind it, up to \(newest), cannot be replayed from this "
                + "backup"
            // To the latest point "latest" would silently mean less than the archive seems to have.
            if case .latest = plan.request.target.point {
                plan.problems.append(
                    text + ": choose a backup behind it with --timeline and --backup, or give a target before "
                        + "\(reach.end)")
            } else {
                plan.remarks.append(text)
            }
        }
        if case .position(let position) = plan.request.target.point {
            // The record that begins there must be whole.
            guard position >= reach.end else { return }
            plan.problems.append(
                "the archive does not reach \(position): its WAL ends with segment \(last), at \(reach.end)")
        }
    }

    /// Whether a moment is behind everything that is archived; and what cannot be known without replay.
    private func judgeTime(_ plan: inout RestorePlan) {
        switch plan.request.target.point {
        case .latest, .immediate, .position: return
        case .transaction, .name:
            plan.remarks.append(
                "whether \(plan.request.target) is in the WAL from \(plan.backup.endLSN ?? .zero) to \(plan.reach.end), "
                    + "only replay finds out")
        case .time(let time):
            guard plan.problems.isEmpty else { return }
            let last = LastCommit(
                store: store, layout: request.layout, binaries: PostgresBinaries(directory: request.binDirectory))
            // A look that fails is no reason against the restore: replay tells as well, only later.
            let found = (try? last.find(plan.path, plan.reach)) ?? nil
            plan.lastCommit = found
            guard let found else {
                plan.remarks.append("whether the archive reaches \(time.iso8601), only replay finds out")
                return
            }
            // Recovery to a time ends at the first commit behind it.
            guard plan.request.target.isInclusive ? found <= time : found < time else { return }
            plan.problems.append(
                "the archive does not reach \(time.iso8601): the last transaction in it is of \(found.iso8601); restore to "
                    + "an earlier time or to latest")
        }
    }

    // MARK: Parts

    private func findParts(_ plan: inout RestorePlan) throws {
        let folder = plan.request.layout.backup(plan.backup.id)
        let contents = [.data] + plan.backup.tablespaces.map { BackupPartName.Content.tablespace($0.oid) }
        for object in try store.listAll("\(folder)/").objects {
            guard let (name, suffix) = BackupPartName.parse(object.key.name), contents.contains(name.content) else {
                continue
            }
            guard ArchivePartCodec.codec(suffix) != nil else {
                plan.problems.append(
                    "'\(object.key)' is compressed as '\(suffix.dropFirst())', which pgmahout cannot read: restore with "
                        + "barman-cloud-restore")
                continue
            }
            plan.parts.append(RestorePlan.Part(key: object.key, name: name, suffix: suffix, bytes: object.size))
        }
        for content in contents {
            let numbers = plan.parts.filter { $0.name.content == content }.map(\.name.number).sorted()
            if numbers.isEmpty {
                // Barman writes one even of an empty tablespace.
                let name = BackupPartName(content, number: 0)
                plan.problems.append("backup \(plan.backup.id) has lost its part '\(name).tar'")
            } else if let (missing, _) = zip(0..., numbers).first(where: { $0 != $1 }) {
                let name = BackupPartName(content, number: missing)
                plan.problems.append("backup \(plan.backup.id) has lost its part '\(name).tar'")
            }
        }
    }

    // MARK: Places

    private func placeTablespaces(_ plan: inout RestorePlan, _ checksTarget: Bool) {
        var unused = plan.request.tablespaces
        let sign = RestoreStaging.interruptedSign(target: trimmed(plan.request.targetDirectory))
        for tablespace in plan.backup.tablespaces {
            let byName = unused.removeValue(forKey: tablespace.name)
            let byNumber = unused.removeValue(forKey: String(tablespace.oid))
            let location = trimmed(byName ?? byNumber ?? tablespace.location)
            plan.tablespaces.append(
                RestorePlan.Tablespace(
                    name: tablespace.name, oid: tablespace.oid, location: location, original: tablespace.location))
            let how = "give --tablespace \(tablespace.name)=DIRECTORY"
            guard location.hasPrefix("/") else {
                plan.problems.append("tablespace \(tablespace.name) has no absolute place ('\(location)'): \(how)")
                continue
            }
            if location == trimmed(plan.request.targetDirectory)
                || location.hasPrefix(trimmed(plan.request.targetDirectory) + "/")
            {
                plan.problems.append("tablespace \(tablespace.name) would be inside the data directory: \(how)")
            }
            guard checksTarget else { continue }
            if let problem = TablespaceStaging.problem(location, sign: sign) {
                plan.problems.append("tablespace \(tablespace.name): \(problem); \(how)")
            }
        }
        for name in unused.keys.sorted() {
            plan.problems.append("the backup has no tablespace '\(name)'")
        }
        let places = plan.tablespaces.map(\.location)
        if Set(places).count < places.count { plan.problems.append("two tablespaces would go to the same directory") }
    }

    private func trimmed(_ path: String) -> String { RestoreStaging.trimmed(path) }

    private func judgeSpace(_ plan: inout RestorePlan, _ checksTarget: Bool) {
        let wal = plan.reach.end.bytes(since: plan.backup.beginLSN ?? .zero)
        let extra = min(wal, Self.keptWAL) + Self.spareBytes
        // Files of a backup that does not tell their size are at least as large as they are compressed.
        let known = plan.backup.size
        plan.spaceNeeded = known.map { $0 + extra }
        guard checksTarget else { return }
        if let problem = RestoreStaging.targetProblem(
            trimmed(plan.request.targetDirectory), isReplaced: plan.request.replacesTarget)
        {
            plan.problems.append(problem)
            return
        }
        guard let free = RestoreStaging.freeBytes(near: plan.request.targetDirectory) else { return }
        plan.spaceFree = free
        let least = known ?? plan.parts.reduce(0) { $0 + $1.bytes }
        if free < least + extra {
            plan.problems.append(
                "'\(plan.request.targetDirectory)' has room for \(free >> 20) MiB, and \((least + extra) >> 20) MiB are "
                    + "needed")
        } else if known == nil {
            plan.remarks.append(
                "the backup does not tell how large its files are: at least \(least >> 20) MiB, and \(free >> 20) MiB "
                    + "are free")
        }
    }
}

/// What parts may be compressed with.
enum ArchivePartCodec {
    static func codec(_ suffix: String) -> (any Codec)? {
        switch suffix {
        case ".gz": GzipCodec()
        case "": IdentityCodec()
        default: nil
        }
    }
}
