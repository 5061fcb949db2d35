import ClusterModel
import Platform

/// What stands at the path of the data directory.
package enum DataDirectoryState: Hashable, Sendable {
    /// Missing or empty.
    case absent
    /// Missing or empty, with something beside it that was begun and never became the data directory.
    case incomplete(String)
    /// Of this cluster and version. When `DataDirectory.rewindMarker()` is not nil: never to be started.
    case ours(DataDirectoryIdentity, ControlData)
    /// Of this cluster, but damaged by a pg_rewind that did not finish: only a clone helps.
    case interruptedRewind(RewindMarker)
    /// Not ours, of another version, or not to be understood: never touched.
    case refused(reason: String)
}

/// One member's data directory: what it is, and how it comes into being and changes without ever being half of
/// something (staging and rewind: see the extensions).
///
/// Everything that is no part of the data stands beside it, under the same name with a suffix, because base backups
/// copy and pg_rewind deletes what is inside.
package struct DataDirectory: Hashable, Sendable {
    package let path: String
    package let cluster: String
    package let major: Int

    package init(path: String, cluster: String, major: Int) {
        self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        self.cluster = cluster
        self.major = major
    }

    /// Looks; changes nothing.
    package func inspect() -> DataDirectoryState {
        let names: [String]
        do {
            names = try Files.list(path)
        } catch  where error.isNotFound {
            names = []
        } catch {
            return .refused(reason: error.description)
        }
        guard !names.isEmpty else { return inspectEmpty() }
        let marker: RewindMarker?
        do {
            marker = try rewindMarker()
        } catch {
            return .refused(reason: "\(error)")
        }
        if let owner = marker?.identity.cluster, owner != cluster {
            return .refused(reason: "'\(path)' belongs to the cluster '\(owner)', not to '\(cluster)'")
        }
        switch (inspectContent(), marker) {
        case (.ours(let identity, let control), _): return .ours(identity, control)
        // A rewind rewrites every file that told whose it is.
        case (_, .some(let marker)): return .interruptedRewind(marker)
        case (let state, nil): return state
        }
    }

    private func inspectEmpty() -> DataDirectoryState {
        if let problem = placementProblem() { return .refused(reason: problem) }
        if Files.exists(readyPath) { return .incomplete("'\(readyPath)' was finished but not put into place") }
        if Files.exists(stagingPath) { return .incomplete("'\(stagingPath)' was begun but not finished") }
        if Files.exists(oldPath) { return .incomplete("'\(oldPath)' is left over") }
        return .absent
    }

    private func inspectContent() -> DataDirectoryState {
        func refuse(_ reason: String) -> DataDirectoryState { .refused(reason: "'\(path)' \(reason)") }
        guard let version = try? Files.readText(path + "/PG_VERSION", limit: 64) else {
            return refuse("is not empty and no PostgreSQL data directory: it has no PG_VERSION")
        }
        let found = version.split(whereSeparator: \.isWhitespace).first.map(String.init) ?? ""
        guard found == String(major) else {
            return refuse("is of PostgreSQL \(found), and the server's programs are of \(major)")
        }
        let identity: DataDirectoryIdentity
        do {
            guard let known = try readIdentity() else {
                return refuse("was not made by pgmahout: it has no \(DataDirectoryIdentity.fileName)")
            }
            identity = known
        } catch {
            return refuse("has an unreadable \(DataDirectoryIdentity.fileName): \(error)")
        }
        guard identity.format <= DataDirectoryIdentity.currentFormat else {
            return refuse("was written by a newer pgmahout (format \(identity.format))")
        }
        guard identity.cluster == cluster else {
            return refuse("belongs to the cluster '\(identity.cluster)', not to '\(cluster)'")
        }
        let control: ControlData
        do {
            control = try ControlData.read(dataDirectory: path)
        } catch {
            return refuse("cannot be judged: \(error)")
        }
        guard control.systemIdentifier == identity.systemIdentifier else {
            return refuse(
                "has the system identifier \(control.systemIdentifier), and its \(DataDirectoryIdentity.fileName) "
                    + "names \(identity.systemIdentifier)")
        }
        return .ours(identity, control)
    }

    /// Whether it is a base backup (or a rewound directory) that has not been replayed to consistency.
    package var hasBackupLabel: Bool { Files.exists(path + "/backup_label") }

    package var hasStandbySignal: Bool { Files.exists(path + "/standby.signal") }

    // MARK: Identity

    /// nil: there is none.
    package func readIdentity() throws -> DataDirectoryIdentity? {
        try readIdentity(in: path)
    }

    func readIdentity(in directory: String) throws -> DataDirectoryIdentity? {
        do {
            let bytes = try Files.read(directory + "/" + DataDirectoryIdentity.fileName, limit: 64 << 10)
            return try decodeDocument(DataDirectoryIdentity.self, from: bytes)
        } catch let error as SystemError where error.isNotFound {
            return nil
        }
    }

    /// Durable when it returns.
    package func writeIdentity(_ identity: DataDirectoryIdentity) throws {
        try Files.writeDurably(encodeDocument(identity), to: path + "/" + DataDirectoryIdentity.fileName)
    }

    /// Records that the directory is opened under `term`; a lower term than the recorded one changes nothing.
    package func raiseTerm(to term: UInt64) throws {
        guard var identity = try readIdentity(), identity.term < term else { return }
        identity.term = term
        try writeIdentity(identity)
    }

    /// Records whether the cluster follows another one, so that a lost record does not make it lead. Durable when it
    /// returns.
    package func setFollowsRemote(_ follows: Bool) throws {
        guard var identity = try readIdentity(), (identity.followsRemote ?? false) != follows else { return }
        identity.followsRemote = follows ? true : nil
        try writeIdentity(identity)
    }

    /// The ancestry of `timeline` as far as this server knows it; nil when it has no history file of it.
    package func timelineHistory(_ timeline: TimelineID) throws(SystemError) -> TimelineHistory? {
        if timeline == TimelineID(1) { return TimelineHistory(timeline: timeline) }
        do {
            let name = WALFileName.history(timeline).description
            return TimelineHistory(timeline: timeline, content: try Files.readText(path + "/pg_wal/" + name))
        } catch  where error.isNotFound {
            return nil
        }
    }
}
