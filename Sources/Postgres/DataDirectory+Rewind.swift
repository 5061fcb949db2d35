import ClusterModel
import Platform

/// A pg_rewind that was begun: while it exists, the directory is never started.
package struct RewindMarker: Hashable, Sendable, Codable {
    /// Whose directory it is: pg_rewind may have destroyed the file that says so.
    package var identity: DataDirectoryIdentity
    /// Timeline that was left.
    package var timeline: TimelineID
    /// The member it was rewound to.
    package var source: MemberName

    package init(identity: DataDirectoryIdentity, timeline: TimelineID, source: MemberName) {
        self.identity = identity
        self.timeline = timeline
        self.source = source
    }
}

extension DataDirectory {
    /// Beside the data directory: pg_rewind deletes what the source has not.
    var rewindMarkerPath: String { path + ".pgmahout-rewind" }

    package var isRewindPending: Bool { Files.exists(rewindMarkerPath) }

    /// nil: no rewind is pending. Throws when there is a marker that cannot be read.
    package func rewindMarker() throws -> RewindMarker? {
        do {
            return try decodeDocument(RewindMarker.self, from: Files.read(rewindMarkerPath, limit: 64 << 10))
        } catch let error as SystemError where error.isNotFound {
            return nil
        } catch {
            throw DataDirectoryError("'\(rewindMarkerPath)' is unreadable: \(error)")
        }
    }

    /// Marks the directory before pg_rewind runs on it. Durable when it returns. Postgres must not run.
    package func beginRewind(from source: MemberName) throws {
        guard case .ours(var identity, let control) = inspect() else {
            throw DataDirectoryError("'\(path)' is not fit for a rewind")
        }
        // An earlier attempt may have replaced the file by the source's.
        if let earlier = try rewindMarker() { identity.term = max(identity.term, earlier.identity.term) }
        let marker = RewindMarker(identity: identity, timeline: control.timeline, source: source)
        try Files.writeDurably(encodeDocument(marker), to: rewindMarkerPath)
        // pg_rewind lets a crashed server recover in single-user mode, which refuses to be a standby.
        for signal in ["standby.signal", "recovery.signal"] { try Files.remove(path + "/" + signal) }
        try Files.syncDirectory(path)
    }

    /// Opens the directory for a start again, once pg_rewind succeeded and `ServerConfiguration.prepareStart` has
    /// replaced the source's files by ours.
    /// - Parameter term: of the record that the rewind followed.
    package func endRewind(term: UInt64) throws {
        guard let marker = try rewindMarker() else { return }
        guard hasStandbySignal else {
            throw DataDirectoryError("'\(path)' has no standby.signal: the rewound directory must not become a primary")
        }
        let control = try ControlData.read(dataDirectory: path)
        guard control.systemIdentifier == marker.identity.systemIdentifier else {
            throw DataDirectoryError("'\(path)' is of the system \(control.systemIdentifier) after the rewind")
        }
        var identity = marker.identity
        identity.term = max(identity.term, term)
        try writeIdentity(identity)
        try Files.remove(rewindMarkerPath)
        try Files.syncDirectory(parent)
    }

    private var parent: String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }
}
