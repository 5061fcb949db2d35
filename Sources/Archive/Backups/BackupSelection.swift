import Postgres

/// What of a data directory belongs into a base backup: pure rules over names.
enum BackupSelection {
    enum Verdict: Hashable {
        case include
        /// Of a directory: itself, without what is in it.
        case emptyDirectory
        case skip
    }

    /// Directories that the server fills anew, or that recovery fills.
    private static let emptied: Set<String> = [
        "pg_wal", "pg_dynshmem", "pg_notify", "pg_replslot", "pg_serial", "pg_snapshots", "pg_stat_tmp",
        "pg_subtrans", "log", "pg_log",
    ]

    /// Files of one run or of one member, at the top of the data directory.
    private static let dropped: Set<String> = [
        "postmaster.pid", "postmaster.opts", "current_logfiles", "backup_label", "backup_label.old", "tablespace_map",
        "tablespace_map.old", "backup_manifest", "standby.signal", "recovery.signal", "recovery.conf", "pgmahout.json",
        "promote",
    ]

    /// - Parameters:
    ///   - path: relative to the data directory.
    ///   - siblings: all names in the same directory.
    static func verdict(_ path: String, isDirectory: Bool, siblings: Set<String>) -> Verdict {
        let parts = path.split(separator: "/").map(String.init)
        guard let name = parts.last else { return .include }
        if parts.count == 1 {
            if isDirectory { return emptied.contains(name) ? .emptyDirectory : .include }
            if dropped.contains(name) || name.hasSuffix(".tmp") { return .skip }
        }
        // Written last, by itself.
        if path == "global/pg_control" { return .skip }
        if name.hasPrefix("pgsql_tmp") { return isDirectory ? .emptyDirectory : .skip }
        if name.hasPrefix("pg_internal.init") { return .skip }
        if isDirectory || !isDatabaseDirectory(parts.dropLast()) { return .include }
        return isTemporaryRelation(name) || isUnlogged(name, siblings) ? .skip : .include
    }

    /// The number in its relation of the first page of a file; nil when it is no relation's.
    static func firstBlock(_ path: String, _ checksums: PageChecksums) -> UInt32? {
        let parts = path.split(separator: "/").map(String.init)
        guard let name = parts.last, parts.dropLast() == ["global"] || isDatabaseDirectory(parts.dropLast()),
            let number = PageChecksums.fileNumber(ofRelation: name)
        else { return nil }
        return number.multipliedReportingOverflow(by: checksums.blocksPerFile).partialValue
    }

    /// `base/<oid>`, or `pg_tblspc/<oid>/PG_…/<oid>` of a tablespace within the data directory.
    private static func isDatabaseDirectory(_ parts: ArraySlice<String>) -> Bool {
        guard let first = parts.first, let last = parts.last, last.allSatisfy(\.isNumber) else { return false }
        return (first == "base" && parts.count == 2) || (first == "pg_tblspc" && parts.count == 4)
    }

    /// `t<backend>_<number>`, with fork and segment.
    private static func isTemporaryRelation(_ name: String) -> Bool {
        guard name.first == "t" else { return false }
        let parts = name.dropFirst().split(separator: "_", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, parts[0].allSatisfy(\.isNumber) else { return false }
        return relationNumber(parts[1]) != nil
    }

    /// A fork of an unlogged table other than the initial one, from which recovery makes the others.
    private static func isUnlogged(_ name: String, _ siblings: Set<String>) -> Bool {
        guard let (number, fork) = relationNumber(name[...]), fork != "init" else { return false }
        return siblings.contains(number + "_init")
    }

    /// `16384`, `16384_vm`, `16384.1`: the number, and the fork (empty for the main one).
    private static func relationNumber(_ name: Substring) -> (number: String, fork: String)? {
        let stem = name.prefix { $0 != "." }
        let parts = stem.split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count <= 2, let number = parts.first, !number.isEmpty, number.allSatisfy(\.isNumber) else {
            return nil
        }
        return (String(number), parts.count == 2 ? String(parts[1]) : "")
    }
}
