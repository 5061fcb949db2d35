import ClusterModel
import Compression
import ObjectStorage
import Platform
import Postgres
import Synchronization

/// The parts of one backup, and what is in them.
struct CheckedBackup {
    private struct Part: Sendable {
        let name: BackupPartName
        let object: ObjectInfo
        let suffix: String

        var prefix: String { BackupFileList.prefix(name.content) }
    }

    private enum Job: Sendable {
        case stream(Part)
        case group(CheckedPart, CheckedPart.Group)
        case wal(CheckedWAL.Segment)
    }

    /// What the threads share.
    private final class Shared: Sendable {
        private let waiting: Mutex<ArraySlice<Job>>
        private let stored = Atomic<UInt64>(0)
        private let found = Mutex<[BackupFinding]>([])

        init(_ jobs: [Job]) { waiting = Mutex(jobs[...]) }

        var bytes: UInt64 { stored.load(ordering: .relaxed) }
        var findings: [BackupFinding] { found.withLock { $0 } }
        func next() -> Job? { waiting.withLock { $0.popFirst() } }
        func add(_ count: Int) { stored.add(UInt64(count), ordering: .relaxed) }
        func find(_ finding: BackupFinding) { found.withLock { $0.append(finding) } }
    }

    private let backup: BackupInfo
    private let verification: BackupVerification
    private let wal: CheckedWAL
    private let files = CheckedFiles()
    private var store: any ObjectStore { verification.store }
    private var layout: ArchiveLayout { verification.layout }

    init(_ backup: BackupInfo, _ verification: BackupVerification, _ wal: CheckedWAL) {
        self.backup = backup
        self.verification = verification
        self.wal = wal
    }

    func run(into check: inout BackupCheck, _ progress: (ArchiveProgress) -> Void) throws {
        let parts = try findParts(into: &check)
        let (indexed, streams) = try readIndexes(parts, into: &check)
        let total =
            parts.reduce(0) { $0 + $1.object.size } + wal.toRead.reduce(0) { $0 + $1.object.size }
        for segment in wal.toRead where ArchivePartCodec.codec(segment.suffix) == nil {
            check.remarks.append("'\(segment.object.key)' has a format that is not read here: it was not checked")
        }
        // Streams first, the largest of them in front: no thread is left alone with one at the end.
        let jobs =
            streams.sorted { ($1.object.size, $0.name) < ($0.object.size, $1.name) }.map(Job.stream)
            + indexed.flatMap { part in part.groups.map { Job.group(part, $0) } } + wal.toRead.map(Job.wal)
        let shared = Shared(jobs)
        try work(shared, jobs.count) {
            progress(
                ArchiveProgress(
                    phase: "reading backup \(backup.id)", bytesDone: min(shared.bytes, total), bytesTotal: total))
        }
        for part in indexed { try part.finish(store, into: &check) }
        check.findings += shared.findings.sorted { ($0.object, $0.detail) < ($1.object, $1.detail) }
        check.objects = parts.count + wal.toRead.count
        check.walRead = wal.toRead.count
        check.storedBytes = shared.bytes
        compare(into: &check)
        judgeContents(into: &check)
    }

    private func work(_ shared: Shared, _ jobs: Int, meanwhile: () throws -> Void) throws {
        let limit = RateLimit(bytesPerSecond: verification.options.rate)
        let work = try ParallelWork(
            min(verification.options.parallel, max(1, jobs)), name: "verify"
        ) { [store, wal, files] _, cancellation in
            let decoder = try GzipChunkDecoder()
            func check(_ count: Int) throws {
                shared.add(count)
                try cancellation.check()
                try limit.take(count, cancellation.check)
            }
            while let job = shared.next() {
                switch job {
                case .group(let part, let group): try part.read(group, from: store, decoder, check: check)
                case .wal(let segment):
                    if let finding = try wal.read(segment, from: store, check: check) { shared.find(finding) }
                case .stream(let part):
                    if let finding = try Self.read(part, store, files, check: check) { shared.find(finding) }
                }
            }
        }
        try work.finish(meanwhile: meanwhile)
    }

    // MARK: Parts

    private func findParts(into check: inout BackupCheck) throws -> [Part] {
        let contents = [.data] + backup.tablespaces.map { BackupPartName.Content.tablespace($0.oid) }
        var parts: [Part] = []
        for object in try store.listAll("\(layout.backup(backup.id))/").objects {
            guard let (name, suffix) = BackupPartName.parse(object.key.name) else { continue }
            guard contents.contains(name.content) else {
                check.remarks.append("'\(object.key)' is of a tablespace that backup.info does not know")
                continue
            }
            parts.append(Part(name: name, object: object, suffix: suffix))
        }
        var missing = Set<BackupPartName>()
        for content in contents {
            let numbers = parts.filter { $0.name.content == content }.map(\.name.number)
            missing.formUnion(
                Set(0...(numbers.max() ?? 0)).subtracting(numbers).map { BackupPartName(content, number: $0) })
        }
        // The last ones are missed by what was written beside them.
        let there = Set(parts.map(\.name))
        for object in try store.listAll(layout.extras(of: backup.id)).objects {
            guard object.key.name.hasSuffix(Self.indexSuffix),
                let (name, _) = BackupPartName.parse(object.key.name.dropLast(Self.indexSuffix.count) + ".tar")
            else { continue }
            if !there.contains(name) { missing.insert(name) }
        }
        for name in missing.sorted() {
            let key = layout.part(name, of: backup.id, suffix: parts.first?.suffix ?? ".gz")
            let index = try? BackupPartIndex.read(store, layout, part: name, of: backup.id)
            let lost = (index?.files ?? []).map { BackupFileList.prefix(name.content) + $0.path }
            files.miss(lost)
            check.find(
                .missing, key, "the part is not there" + (lost.isEmpty ? "" : "; it held \(CheckedPart.list(lost))"))
        }
        return parts
    }

    private static let indexSuffix = ".index.json.gz"

    /// Those that are read by their index; the others are read as streams.
    private func readIndexes(_ parts: [Part], into check: inout BackupCheck) throws -> ([CheckedPart], [Part]) {
        var indexed: [CheckedPart] = []
        var streams: [Part] = []
        var without: [Part] = []
        var hasIndex = false
        for part in parts {
            guard ArchivePartCodec.codec(part.suffix) != nil else {
                check.remarks.append("'\(part.object.key)' has a format that is not read here: it was not checked")
                continue
            }
            let key = layout.index(of: part.name, backup.id)
            var index: BackupPartIndex?
            do { index = try BackupPartIndex.read(store, layout, part: part.name, of: backup.id) } catch let error
                as ObjectStoreError
            { throw error } catch {
                hasIndex = true
                check.find(.damaged, key, "it cannot be read (\(error)); a restore reads its part as a stream, slower")
                streams.append(part)
                continue
            }
            guard let index else {
                without.append(part)
                streams.append(part)
                continue
            }
            hasIndex = true
            if index.size != part.object.size {
                check.find(
                    .damaged, part.object.key, "it has \(part.object.size) bytes instead of \(index.size)")
                streams.append(part)
            } else if let checked = CheckedPart(
                part.object.key, bytes: part.object.size, index, prefix: part.prefix, files: files)
            {
                indexed.append(checked)
            } else {
                check.find(.damaged, key, "it contradicts itself; a restore reads its part as a stream, slower")
                streams.append(part)
            }
        }
        // Barman's have none at all.
        for part in without where hasIndex {
            check.find(
                .missing, layout.index(of: part.name, backup.id), "a restore reads its part as a stream, slower")
        }
        return (indexed, streams)
    }

    /// Reads a part from its first to its last byte, or to where it is damaged.
    private static func read(
        _ part: Part, _ store: any ObjectStore, _ files: CheckedFiles, check: (Int) throws -> Void
    ) throws -> BackupFinding? {
        let key = part.object.key
        guard let codec = ArchivePartCodec.codec(part.suffix) else { return nil }
        guard let reader = try store.read(key) else { return BackupFinding(.missing, key, "it vanished meanwhile") }
        let consumer = CheckedStream(prefix: part.prefix, files: files)
        var tar = TarReader(consumer: consumer)
        var position: UInt64 = 0
        func damage(_ error: any Error) -> BackupFinding {
            let place = consumer.path.map { ", in '\($0)'" } ?? ""
            return BackupFinding(
                .damaged, key, "before byte \(position)\(place): \(error); nothing behind it was checked")
        }
        do {
            let decoder = try codec.makeDecoder()
            while true {
                let piece = try reader.read(upTo: WALSource.pieceSize)
                if piece.isEmpty { break }
                position += UInt64(piece.count)
                try decoder.write(piece.span.bytes) { try tar.write($0) }
                try check(piece.count)
            }
            try decoder.finish()
            try tar.finish()
            return nil
        } catch let error as CompressionError { return damage(error) } catch let error as TarError {
            return damage(error)
        }
    }

    // MARK: Contents

    /// Whether files are what they were when the backup was taken.
    private func compare(into check: inout BackupCheck) {
        let sums = files.sums
        check.otherFiles = sums.count
        guard let content = files.content(BackupManifest.fileName) else {
            check.remarks.append(
                files.unread.contains(BackupManifest.fileName)
                    ? "the manifest is in what is damaged: files were not compared with it"
                    : "the backup has no manifest: its files are whole as far as gzip's checksums and tar's tell")
            return
        }
        let key = layout.backup(backup.id) / BackupManifest.fileName
        let manifest: BackupManifest
        do { manifest = try BackupManifest(content) } catch {
            return check.find(.damaged, key, "the manifest cannot be read: \(error)")
        }
        guard manifest.isOf(backup) else {
            return check.remarks.append(
                "the manifest in the backup is of an earlier one, from which the server was made: it was not compared")
        }
        guard BackupManifest.isIntact(content) else {
            return check.find(.damaged, key, "the manifest's own checksum is wrong")
        }
        let unread = files.unread
        let isWhole = check.isGood
        var lost: [String] = []
        var named: Set<String> = []
        for file in manifest.files {
            guard let path = file.path else { continue }
            named.insert(path)
            guard !unread.contains(path) else { continue }
            guard let sum = sums[path] else {
                lost.append(path)
                continue
            }
            check.comparedFiles += 1
            if let difference = file.difference(from: sum) { check.find(.damaged, key, "'\(path)' \(difference)") }
        }
        check.otherFiles = sums.keys.count { !named.contains($0) && $0 != BackupManifest.fileName }
        guard !lost.isEmpty else { return }
        if isWhole {
            check.find(.missing, key, "the backup lacks \(CheckedPart.list(lost)), which the manifest names")
        } else {
            check.remarks.append("\(CheckedPart.list(lost)) were not found: lost with what is damaged or missing")
        }
    }

    /// Whether the files that say what this is say the same as `backup.info`.
    private func judgeContents(into check: inout BackupCheck) {
        let key = layout.part(BackupPartName(.data, number: 0), of: backup.id, suffix: ".gz")
        let unread = files.unread
        let isWhole = check.isGood
        for name in [UnpackedFiles.controlName, CheckedFiles.labelName, "PG_VERSION"]
        where files.sums[name] == nil && !unread.contains(name) && isWhole {
            check.find(.missing, layout.backup(backup.id), "no part holds '\(name)'")
        }
        if let label = files.content(CheckedFiles.labelName), let expected = backup.label,
            String(decoding: label, as: UTF8.self) != expected
        {
            check.find(.mismatch, key, "its backup_label is not the one in backup.info")
        }
        if let content = files.content("PG_VERSION"), let major = backup.majorVersion,
            Int(String(decoding: content, as: UTF8.self).prefix { $0.isNumber }) != major
        {
            check.find(.mismatch, key, "it is not of PostgreSQL \(major), which backup.info names")
        }
        guard let content = files.content(UnpackedFiles.controlName) else { return }
        do throws(ControlDataError) {
            let control = try ControlData.parse(content)
            if let system = backup.systemIdentifier, control.systemIdentifier != system {
                check.find(.mismatch, key, "pg_control is of the system \(control.systemIdentifier), not of \(system)")
            }
        } catch { check.find(.damaged, key, "pg_control cannot be read: \(error)") }
    }
}
