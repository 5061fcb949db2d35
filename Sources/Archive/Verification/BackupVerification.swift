import ClusterModel
import Compression
import ObjectStorage
import Platform
import Postgres
import Synchronization

/// Reads backups of an archive again, ours and Barman's, and names what is damaged or missing. Writes nothing.
///
/// Of a backup: its description, every part to the last byte, the files in them against the manifest, and the WAL from
/// its begin to its end. Behind that, that no segment is missing as far as the archive reaches.
package struct BackupVerification {
    package enum Choice: Hashable, Sendable {
        case newest
        case all
        /// By id or name.
        case one(String)
    }

    package struct Options: Hashable, Sendable {
        /// Threads, each with about 10 MiB.
        package var parallel = 2
        /// Whether the WAL behind the backup's end is read as well, and not only looked for.
        package var readsAllWAL = false
        /// Bytes read a second, as stored; 0: no limit.
        package var rate: UInt64 = 0

        package init() {}
    }

    let store: any ObjectStore
    let layout: ArchiveLayout
    let options: Options
    private let catalogue: BackupCatalogue
    private let timelines: ArchiveTimelines

    package init(_ store: any ObjectStore, _ layout: ArchiveLayout, _ options: Options = Options())
        throws(ArchiveError)
    {
        self.store = store
        self.layout = layout
        self.options = options
        do {
            catalogue = try BackupCatalogue.read(store, layout)
            timelines = try ArchiveTimelines.read(store, layout)
        } catch { throw ArchiveError(error) }
    }

    /// Checks one backup after the other, oldest first. Blocks the calling thread.
    /// - Parameters:
    ///   - progress: called on the calling thread, some times a second.
    ///   - each: called with each result as it comes.
    /// - Throws: `ArchiveError` when the archive does not answer, or there is no such backup.
    package func run(
        _ choice: Choice, progress: (ArchiveProgress) -> Void = { _ in }, each: (BackupCheck) throws -> Void
    ) throws(ArchiveError) {
        do {
            let chosen = try choose(choice)
            for id in chosen { try each(try check(id, isWithinAll: choice == .all, progress)) }
        } catch let error as RestoreError {
            throw ArchiveError(error.kind == .unavailable ? .unavailable : .refused, error.description)
        } catch { throw ArchiveError(error) }
    }

    private func choose(_ choice: Choice) throws -> [String] {
        let complete = catalogue.backups.filter(\.isComplete).map(\.id)
        switch choice {
        case .newest:
            guard let newest = complete.last else {
                throw ArchiveError(.refused, "the archive holds no finished backup")
            }
            return [newest]
        case .all:
            let all = (complete + catalogue.unreadable.keys).sorted()
            guard !all.isEmpty else { throw ArchiveError(.refused, "the archive holds no finished backup") }
            return all
        case .one(let name):
            if catalogue.unreadable[name] != nil { return [name] }
            if BackupInfo.isID(name), try store.head(layout.backupInfo(name)) == nil,
                try !store.listAll("\(layout.backup(name))/").objects.isEmpty
            {
                return [name]
            }
            return [try catalogue.named(name).id]
        }
    }

    private func check(_ id: String, isWithinAll: Bool, _ progress: (ArchiveProgress) -> Void) throws -> BackupCheck {
        let start = BootClock.now()
        var check = BackupCheck(id)
        if let reason = catalogue.unreadable[id] {
            check.find(.damaged, layout.backupInfo(id), reason)
        } else if let backup = catalogue.backups.first(where: { $0.id == id }) {
            try CheckedDescription(backup, key: layout.backupInfo(id)).check(
                try store.readAll(layout.backupInfo(id)), into: &check)
            let wal = try CheckedWAL(
                backup, store, layout, timelines, catalogue, isWithinAll: isWithinAll, readsAll: options.readsAllWAL,
                into: &check)
            try CheckedBackup(backup, self, wal).run(into: &check, progress)
        } else {
            check.find(
                .missing, layout.backupInfo(id),
                "parts of a backup are here without it: it was never finished, or is lost")
        }
        if !check.isGood, catalogue.backups.contains(where: { $0.id == id }),
            try store.head(layout.backupInfo(id)) == nil
        {
            throw ArchiveError(.refused, "backup \(id) was removed while it was read")
        }
        check.milliseconds = BootClock.now().since(start).milliseconds
        return check
    }
}

/// Whether `backup.info` says all that a restore has to know, and does not contradict itself.
struct CheckedDescription {
    private let backup: BackupInfo
    private let key: ObjectKey

    init(_ backup: BackupInfo, key: ObjectKey) {
        self.backup = backup
        self.key = key
    }

    /// - Parameter content: of the file.
    func check(_ content: [UInt8]?, into check: inout BackupCheck) throws {
        let lacking = [
            ("systemid", backup.systemIdentifier == nil), ("version", backup.serverVersion == nil),
            ("timeline", backup.timeline == nil), ("begin_time", backup.beginTime == nil),
            ("backup_label", backup.label == nil), ("pgdata", backup.dataDirectory == nil),
        ].filter(\.1).map(\.0)
        if !lacking.isEmpty { check.find(.damaged, key, "it lacks \(lacking.joined(separator: ", "))") }
        if let begin = backup.beginLSN, let end = backup.endLSN, end < begin {
            check.find(.mismatch, key, "it ends at \(end), before its begin at \(begin)")
        }
        checkLabel(into: &check)
        checkSegments(String(decoding: content ?? [], as: UTF8.self), into: &check)
        if !backup.corruptPages.isEmpty {
            check.find(
                .corruptPages, key,
                "it was taken in spite of wrong checksums: " + backup.corruptPages.joined(separator: ", "))
        }
    }

    private func checkLabel(into check: inout BackupCheck) {
        guard let label = backup.label else { return }
        let mark = "START WAL LOCATION: "
        let line = label.split(separator: "\n").first { $0.hasPrefix(mark) }
        let begin = line.flatMap { LSN($0.dropFirst(mark.count).prefix { $0 != " " }) }
        if begin == nil || begin != backup.beginLSN {
            check.find(.mismatch, key, "its backup_label begins at \(begin.map(\.description) ?? "no position")")
        }
        // Older servers do not write it.
        if let timeline = BaseBackup.timeline(inLabel: label), timeline != backup.timeline {
            check.find(.mismatch, key, "its backup_label is of timeline \(timeline)")
        }
    }

    private func checkSegments(_ text: String, into check: inout BackupCheck) {
        func value(_ name: String) -> String? {
            text.split(separator: "\n").first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
        }
        if let begin = value("begin_wal"), let expected = backup.beginWAL, begin != "\(expected)" {
            check.find(.mismatch, key, "begin_wal is \(begin), and its position is in \(expected)")
        }
        // Barman names the next one when a backup ends where a segment does.
        if let end = value("end_wal"), let expected = backup.endWAL, end != "\(expected)", end != "\(expected.next)" {
            check.find(.mismatch, key, "end_wal is \(end), and its position is in \(expected)")
        }
    }
}
