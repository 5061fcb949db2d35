import Glibc
import Platform

/// The built programs, where the postgres user can run them: build directories are often closed to other users.
package enum ClusterPrograms {
    /// The directory with `pgmahout`, `pgmahout-guard` and `pgmahout-wal`.
    package static func directory() throws -> String { try copied.get() }

    package static func path(_ name: String = "pgmahout") throws -> String { "\(try directory())/\(name)" }

    private static let copied = Result<String, any Error> {
        let target = "/tmp/pgmt-programs-\(getpid())"
        ClusterJanitor.look(after: target)
        try Files.makeDirectory(target, mode: 0o755)
        for name in ["pgmahout", "pgmahout-guard", "pgmahout-wal"] {
            let source =
                try Command.inheritedEnvironment["PGMAHOUT_BIN"].map { "\($0)/\(name)" } ?? BuiltProduct.path(name)
            let copy = "\(target)/\(name)"
            try Files.writeDurably(try Files.read(source, limit: 1 << 30), to: copy, mode: 0o755)
            chmod(copy, 0o755)
        }
        return target
    }
}
