import Glibc
import Platform

/// Tablespaces of a restore, each beside where it goes: in a directory within its location, on the same file system.
///
/// The directory is the sign that what is in the location is of a restore that did not finish, as long as the staging
/// directory of that restore is there as well: the next one into the same target clears both up. A sign that was left
/// behind by a restore that did finish says nothing.
struct TablespaceStaging: ~Copyable {
    private let spaces: [RestorePlan.Tablespace]

    private static let name = "pgmahout-restore"
    private static let signName = "sign"

    /// - Parameter restore: of the data directory that they are for.
    init(_ spaces: [RestorePlan.Tablespace], beside restore: borrowing RestoreStaging) throws {
        self.spaces = spaces
        for space in spaces {
            if let problem = Self.problem(space.location, sign: restore.sign) {
                throw RestoreError(.occupied, "tablespace \(space.name): \(problem)")
            }
        }
        do {
            for space in spaces {
                try Files.makeDirectory(space.location)
                try Self.clear(space.location)
                try Files.makeDirectory(Self.path(space))
                try Files.writeDurably(Array(restore.sign.utf8), to: Self.path(space) + "/" + Self.signName)
            }
        } catch {
            Self.discard(spaces)
            throw error
        }
    }

    /// Why files cannot go there; nil when they can.
    /// - Parameter sign: of an interrupted restore into the same target; nil: there is none.
    static func problem(_ location: String, sign: String?) -> String? {
        guard Files.exists(location) else { return nil }
        guard Files.isDirectory(location) else { return "'\(location)' is no directory" }
        guard let names = try? Files.list(location) else { return "'\(location)' cannot be read" }
        guard !names.isEmpty, names != ["lost+found"] else { return nil }
        if let sign, let found = try? Files.readText("\(location)/\(name)/\(signName)"), found == sign { return nil }
        return "'\(location)' is not empty: a restore overwrites nothing"
    }

    static func path(_ space: RestorePlan.Tablespace) -> String { "\(space.location)/\(name)" }

    /// While the restore runs, the data directory finds them where they are made.
    borrowing func link(in directory: String) throws {
        for space in spaces { try Self.link(space, to: Self.path(space), in: directory) }
    }

    /// Moves the files to their place; the data directory, which is not in its own yet, finds them there. What is there
    /// already is of an earlier attempt.
    borrowing func adopt(in directory: String) throws {
        for space in spaces {
            for entry in try Files.list(Self.path(space)) where entry != Self.signName {
                try Files.renameDurably("\(Self.path(space))/\(entry)", to: "\(space.location)/\(entry)")
            }
            try Self.link(space, to: space.location, in: directory)
        }
    }

    /// Once the data directory is in its place, nothing has to be cleared up any more.
    borrowing func finish() {
        for space in spaces {
            // A directory that stays is in nobody's way.
            do { try Files.removeTree(Self.path(space)) } catch { continue }
        }
    }

    /// After a failure.
    borrowing func discard() { Self.discard(spaces) }

    private static func discard(_ spaces: [RestorePlan.Tablespace]) {
        for space in spaces {
            do { try clear(space.location) } catch { continue }
        }
    }

    /// The sign goes last.
    private static func clear(_ location: String) throws {
        guard Files.exists("\(location)/\(name)") else { return }
        for entry in try Files.list(location) where entry != name && entry != "lost+found" {
            try Files.removeTree("\(location)/\(entry)")
        }
        try Files.removeTree("\(location)/\(name)")
    }

    private static func link(_ space: RestorePlan.Tablespace, to target: String, in directory: String) throws {
        let link = "\(directory)/pg_tblspc/\(space.oid)"
        try Files.makeDirectory(directory + "/pg_tblspc")
        try Files.removeTree(link)
        guard symlink(target, link) == 0 else { throw SystemError("make the link", path: link) }
        try Files.syncDirectory(directory + "/pg_tblspc")
    }
}
