import Glibc
import Platform

/// Bytes that are kept back on the disk of the data directory, so that there is something to give up when it is full:
/// a server that finds no room for WAL ends, and needs some to recover.
struct Ballast: Sendable {
    let path: String
    /// Wanted; 0: none.
    let bytes: UInt64

    /// Of the ballast that is there.
    var present: UInt64 { (try? Files.size(path)) ?? 0 }

    /// Gives it up at once.
    func release() throws(SystemError) { try Files.remove(path) }

    /// Makes it when it is not there, or has another size, and there is room for twice as much: what was given up must
    /// not be taken back from a server that is just getting on its feet.
    func keep(free: UInt64) throws(SystemError) {
        let present = present
        guard present != bytes else { return }
        guard bytes > 0 else { return try Files.remove(path) }
        guard free + present >= needed else { return }
        let temporary = path + ".new"
        try Files.remove(temporary)
        do throws(SystemError) {
            let file = try FileDescriptor(opening: temporary, O_WRONLY | O_CREAT | O_EXCL)
            // Real blocks: a file with a hole keeps nothing back.
            let code = posix_fallocate(file.rawValue, 0, off_t(bytes))
            if code != 0 { throw SystemError("allocate", path: path, code: code) }
            try file.close()
            guard rename(temporary, path) == 0 else { throw SystemError("rename", path: temporary) }
        } catch {
            unlink(temporary)
            // No room after all: that is for the next probe to find.
            if !error.isNoSpace { throw error }
        }
    }

    /// Whether a server that was out of room can go on: the ballast is back, or the file system is too small for that
    /// and a fifth of it is free.
    func isRoomy(free: UInt64, size: UInt64) -> Bool {
        bytes > 0 && present == bytes || free >= min(needed, size / 5)
    }

    private var needed: UInt64 { 2 * bytes + Self.margin }

    /// Bytes.
    private static let margin: UInt64 = 64 << 20
}
