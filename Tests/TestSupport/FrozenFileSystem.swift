import Glibc
import Platform
import Synchronization

/// An ext4 of its own on a loop device, which can be frozen: every write to it then waits, unkillably, as on a disk that
/// has gone away. Needs root. To be destroyed at the end, or what waits could never be ended.
package final class FrozenFileSystem: Sendable {
    package let path: String
    private let image: String
    private let isFrozen = Mutex(false)

    /// - Parameter path: an existing directory.
    package init(at path: String, megabytes: Int) async throws {
        self.path = path
        image = path + ".image"
        try await Self.run("/usr/bin/truncate", ["-s", "\(megabytes)M", image])
        try await Self.run("/sbin/mkfs.ext4", ["-q", "-F", image])
        try await Self.run("/bin/mount", ["-o", "loop", image, path])
        try giveToPostgres(path)
    }

    package func freeze() async throws {
        isFrozen.withLock { $0 = true }
        try await Self.run("/sbin/fsfreeze", ["-f", path])
    }

    package func thaw() async throws {
        try await Self.run("/sbin/fsfreeze", ["-u", path])
        isFrozen.withLock { $0 = false }
    }

    /// Thaws and unmounts it; what is on it may still be in use.
    package func destroy() {
        if isFrozen.withLock({ $0 }) {
            // Without waiting for a task of its own: a test that ends must not leave it frozen.
            let thawing = try? TestChild(Command("/sbin/fsfreeze", ["-u", path]))
            for _ in 0..<500 where thawing?.status == nil { usleep(10_000) }
        }
        umount2(path, Int32(MNT_DETACH))
        unlink(image)
    }

    private static func run(_ program: String, _ arguments: [String]) async throws {
        let (status, text) = try await TestChildren.output(of: Command(program, arguments))
        guard status.isSuccess else { throw FixtureError("\(program) \(arguments): \(status): \(text)") }
    }
}
