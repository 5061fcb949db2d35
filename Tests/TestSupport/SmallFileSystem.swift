import Glibc
import Platform

/// A file system in memory, for disks that are full or read-only: root is above permissions, but not above these.
/// Needs root; unmounted when the value goes away.
package final class SmallFileSystem: Sendable {
    package let path: String

    /// - Parameters:
    ///   - path: an existing directory.
    ///   - size: as mount takes it, such as `1m`.
    package init(at path: String, size: String) async throws {
        self.path = path
        try await Self.run("/bin/mount", ["-t", "tmpfs", "-o", "size=\(size)", "pgmt", path])
        try giveToPostgres(path)
    }

    /// Lazily, because a process that is being killed may still be in it.
    deinit { umount2(path, Int32(MNT_DETACH)) }

    /// - Parameter options: `ro` or `rw`, or another `size=`.
    package func remount(_ options: String) async throws {
        try await Self.run("/bin/mount", ["-o", "remount,\(options)", path])
    }

    package func unmount() async throws { try await Self.run("/bin/umount", [path]) }

    private static func run(_ program: String, _ arguments: [String]) async throws {
        let (status, text) = try await TestChildren.output(of: Command(program, arguments))
        guard status.isSuccess else { throw FixtureError("\(program) \(arguments): \(status): \(text)") }
    }
}
