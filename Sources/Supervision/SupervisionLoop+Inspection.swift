import ClusterModel
import Configuration
import Leadership
import Platform
import Postgres

/// What stands at the path of the data directory.
extension SupervisionLoop {
    /// Looks at the data directory on the disk thread; only while postgres is stopped.
    func inspect() {
        inspectRetryAt = nil
        guard !inspecting else { return inspectAgain = true }
        let directory = dataDirectory
        inspecting = disk.submit { [mailbox] in
            let state = directory.inspect()
            var end: LSN?
            if case .ours(_, let control) = state { end = directory.endOfShutdown(control) }
            _ = mailbox.post(
                .inspected(
                    state, end: end, rewindPending: directory.isRewindPending,
                    isBackup: directory.hasBackupLabel))
        }
        if !inspecting { inspectRetryAt = BootClock.now() + .milliseconds(500) }
    }

    var dataDirectory: DataDirectory {
        DataDirectory(path: loaded.configuration.dataDirectory, cluster: loaded.configuration.cluster, major: major)
    }

    /// - isBackup: a copy that was never started: its pg_control still says what its source was.
    /// - end: just behind the shutdown checkpoint of a primary.
    func inspected(_ state: DataDirectoryState, end: LSN?, rewindPending: Bool, isBackup: Bool) {
        inspecting = false
        if inspectAgain {
            inspectAgain = false
            return inspect()
        }
        defer { settleOperation() }
        guard postgres == nil else { return }
        if case .stopping = observation.local.process { observation.local.process = .stopped }
        switch state {
        case .absent, .incomplete: observation.local.data = .absent
        case .refused(let reason): observation.local.data = .refused(reason)
        case .interruptedRewind(let marker):
            observation.local.data = .present(
                DataState(
                    systemIdentifier: marker.identity.systemIdentifier, timeline: marker.timeline, checkpoint: .zero,
                    minimumRecovery: .zero, wasPrimary: false, cleanShutdown: false, term: max(1, marker.identity.term),
                    rewindPending: true))
        case .ours(let identity, let control):
            observation.local.data = .present(
                DataState(
                    systemIdentifier: control.systemIdentifier, timeline: control.timeline,
                    checkpoint: control.checkpoint, minimumRecovery: control.minRecoveryPoint,
                    wasPrimary: control.wasPrimary && !isBackup, cleanShutdown: control.isCleanlyShutDown,
                    term: identity.term,
                    rewindPending: rewindPending, end: end, followsRemote: identity.followsRemote ?? false))
        }
    }
}
