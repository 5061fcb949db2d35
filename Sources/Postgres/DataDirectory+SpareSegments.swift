import ClusterModel
import Glibc
import Platform

/// Segments that WAL has not reached yet. PostgreSQL has them once it has recycled old ones; a young cluster has none, and
/// a server that goes on to the next segment writes all of it with zeros first. A shutdown does that, and every standby
/// that receives it: in the middle of a hand-over, while nobody can write.
extension DataDirectory {
    /// Makes the next `count` segments after the one that holds `position`, as far as they are missing. Blocks are
    /// reserved and not written, so it takes no time; where the file system cannot do that, nothing is done.
    ///
    /// To PostgreSQL such a file is one of its own spare ones: it is complete before it has its name, which it gets only
    /// when nobody else has it, and one that is left half-made is removed by PostgreSQL at its next start.
    package func keepSpareSegments(on timeline: TimelineID, after position: LSN, count: Int = 2) throws {
        let size = try ControlData.read(dataDirectory: path).walSegmentSize
        let directory = path + "/pg_wal"
        // Never what is left for the server itself.
        guard try Files.freeBytes(directory) > 16 * size else { return }
        var segment = WALSegment(timeline: timeline, containing: position, size: size)
        var isChanged = false
        for _ in 0..<count {
            segment = segment.next
            let name = "\(directory)/\(segment)"
            guard !Files.exists(name) else { continue }
            let temporary = "\(directory)/xlogtemp.pgmahout"
            try Files.remove(temporary)
            defer { unlink(temporary) }
            let file = try FileDescriptor(opening: temporary, O_WRONLY | O_CREAT | O_EXCL)
            // Not posix_fallocate, which writes where the file system cannot.
            guard file.reserve(size) else { return }
            try file.fsync()
            try file.close()
            do throws(SystemError) { try Files.linkExclusively(temporary, to: name) } catch {
                guard error.isExists else { throw error }
            }
            isChanged = true
        }
        if isChanged { try Files.syncDirectory(directory) }
    }
}
