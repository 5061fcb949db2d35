import ClusterModel
import Glibc
import Platform

/// Hints that something became ready in `pg_wal/archive_status`. What PostgreSQL renames to `.done` is none.
struct StatusDirectoryWatch {
    private let watch: FileWatch
    /// The directory that is watched; a clone or a rewind puts another one in its place.
    private let inode: UInt64

    init?(_ directory: String) {
        guard let inode = Self.inode(of: directory), let watch = try? FileWatch(directory: directory) else {
            return nil
        }
        self.watch = watch
        self.inode = inode
    }

    var descriptor: Int32 { watch.descriptor }

    func isFor(_ directory: String) -> Bool { Self.inode(of: directory) == inode }

    /// Whether there is a file that the schedule has not heard of.
    func hasNews(for schedule: PushSchedule) -> Bool {
        guard let names = watch.drain() else { return true }
        return names.contains { name in
            guard name.hasSuffix(".ready"), let file = WALFileName(ofAnySize: name.dropLast(6)) else { return false }
            return !schedule.knows(file)
        }
    }

    private static func inode(of path: String) -> UInt64? {
        var status = stat()
        return stat(path, &status) == 0 ? UInt64(status.st_ino) : nil
    }
}
