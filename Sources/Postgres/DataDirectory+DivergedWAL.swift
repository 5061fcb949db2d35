import ClusterModel
import Glibc
import Platform

/// WAL that nobody else has, put aside before a rewind or a clone destroys it.
///
/// It is copied, not linked: pg_rewind and the server write into segment files in place, and that would go through to
/// every other name of theirs.
extension DataDirectory {
    var divergedPath: String { path + ".pgmahout-diverged" }

    /// Copies the segments of `timeline` from the one that holds `fork` on. Postgres must not run. Durable when it
    /// returns. What was kept before under the same fork is left as it is: by a second try the directory may be damaged.
    /// - Parameters:
    ///   - keep: how many such sets there may be, this one included; the oldest go first.
    ///   - maximumBytes: of all sets together; this one is kept whole all the same.
    /// - Returns: nil when the timeline has nothing after `fork`.
    /// - Throws: also when there is no room for the copy.
    package func keepDivergedWAL(
        on timeline: TimelineID, from fork: LSN, reason: String = "", keep: Int = 3, maximumBytes: UInt64 = 16 << 30
    ) throws -> DivergedWAL? {
        let control = try ControlData.read(dataDirectory: path)
        let tail = WALTail(directory: path + "/pg_wal", timeline: timeline, segmentSize: control.walSegmentSize)
        let segments = try tail.segments(after: fork)
        guard let first = segments.first, let last = segments.last else { return nil }
        // In the segment of the fork itself the WAL may end right there.
        if segments.count == 1, first.start <= fork, !tail.hasRecord(at: fork) { return nil }

        let name = "\(timeline.hex)-\(fork.description.replacing("/", with: "-"))"
        let place = "\(divergedPath)/\(name)"
        if let known = divergedWAL(in: place) { return known }
        let bytes = UInt64(segments.count) * control.walSegmentSize
        let kept = DivergedWAL(
            path: place, cluster: cluster, systemIdentifier: control.systemIdentifier, timeline: timeline, fork: fork,
            end: tail.end(of: last), segments: segments.count, bytes: bytes, reason: reason,
            keptAt: BootClock.wallClockMilliseconds() / 1000)
        try Files.makeDirectory(divergedPath)
        let free = try Files.freeBytes(divergedPath)
        guard free > bytes + Self.spare else {
            throw DataDirectoryError(
                "no room to keep \(kept.segments) segments of WAL that only this member has (timeline \(timeline) from "
                    + "\(fork) on): \(bytes) bytes are needed and \(free) are free")
        }
        try copy(segments, to: place, kept)
        try dropOldest(except: name, keep: keep, maximumBytes: maximumBytes)
        return kept
    }

    /// Oldest first.
    package func divergedWALSets() -> [DivergedWAL] {
        let names = (try? Files.list(divergedPath)) ?? []
        return names.compactMap { divergedWAL(in: "\(divergedPath)/\($0)") }
            .sorted { ($0.keptAt, $0.path) < ($1.keptAt, $1.path) }
    }

    private func divergedWAL(in place: String) -> DivergedWAL? {
        guard let bytes = try? Files.read("\(place)/\(DivergedWAL.fileName)", limit: 64 << 10),
            var found = try? decodeDocument(DivergedWAL.self, from: bytes)
        else { return nil }
        found.path = place
        return found
    }

    private func copy(_ segments: [WALSegment], to place: String, _ kept: DivergedWAL) throws {
        let unfinished = place + ".new"
        try Files.removeTree(unfinished)
        try Files.makeDirectory(unfinished)
        do {
            for segment in segments {
                try Self.copy("\(path)/pg_wal/\(segment)", to: "\(unfinished)/\(segment)")
            }
            let history = WALFileName.history(kept.timeline).description
            if Files.exists("\(path)/pg_wal/\(history)") {
                try Self.copy("\(path)/pg_wal/\(history)", to: "\(unfinished)/\(history)")
            }
            try Files.writeDurably(Array(kept.readme.utf8), to: unfinished + "/README")
            try Files.writeDurably(encodeDocument(kept), to: "\(unfinished)/\(DivergedWAL.fileName)")
            try Files.renameDurably(unfinished, to: place)
        } catch {
            try? Files.removeTree(unfinished)
            throw error
        }
    }

    private static func copy(_ source: String, to target: String) throws(SystemError) {
        let from = try FileDescriptor(opening: source, O_RDONLY)
        let to = try FileDescriptor(opening: target, O_WRONLY | O_CREAT | O_EXCL)
        while true {
            let part = try from.read(upTo: 1 << 20)
            if part.isEmpty { break }
            do throws(SystemError) { try to.write(part) } catch {
                throw SystemError(error.operation, path: target, code: error.code)
            }
        }
        try to.fsync()
        try to.close()
    }

    private func dropOldest(except name: String, keep: Int, maximumBytes: UInt64) throws {
        var sets = divergedWALSets()
        var total = sets.reduce(0) { $0 + $1.bytes }
        while sets.count > max(1, keep) || total > maximumBytes {
            guard let index = sets.firstIndex(where: { $0.path != "\(divergedPath)/\(name)" }) else { return }
            let oldest = sets.remove(at: index)
            total -= oldest.bytes
            try Files.removeTree(oldest.path)
        }
    }

    /// Bytes that stay free.
    private static let spare: UInt64 = 64 << 20
}
