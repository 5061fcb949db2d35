import ClusterModel
import Glibc
import Leadership
import Logging
import Platform
import Postgres

/// The end of a standby's WAL receiver, so that its position is final: what a vote is made of.
extension SupervisionLoop {
    /// From begin to end; a vote that takes longer comes too late anyway.
    private static let detachBound = Duration.milliseconds(1500)

    var detachDeadline: Instant? {
        guard observation.operation == .detach else { return nil }
        return operationStartedAt.map { $0 + Self.detachBound }
    }

    func detach() {
        guard postgres != nil else { return endOperation("postgres does not run") }
        detachedAt = nil
        // Also when it fails half-way: whoever wants an upstream has to name it again.
        upstream = nil
        observation.local.upstream = nil
        filesMayNameUpstream = true
        let server = server
        onDisk(.writeDetached) { _ in try server.write(.standby(upstream: nil, slot: nil)) }
    }

    func endReceiver() {
        guard let postgres, postgres.stop == nil else { return endOperation("postgres does not run") }
        // From here on also a postmaster that restarts its processes starts no receiver.
        filesMayNameUpstream = false
        registry.signal(postgres.process, SIGHUP)
        let local = loaded.server.local()
        onUrgent(.endReceiver, until: detachDeadline ?? BootClock.now()) { deadline in
            try WALReceiver.end(local, deadline: deadline)
        }
    }

    /// Only a look that began after the receiver's end has the final position.
    func receiverEnded() {
        detachedAt = BootClock.now()
        nextProbeAt = BootClock.now()
    }

    func finishDetach(_ running: LocalState.Running) {
        guard observation.operation == .detach, let ended = detachedAt, running.provedAt >= ended else { return }
        guard running.inRecovery else { return endOperation("the server is no standby") }
        if running.receiving {
            detachedAt = nil
            endReceiver()
        } else {
            endOperation(nil)
        }
    }

    func boundDetach(_ now: Instant) {
        guard let deadline = detachDeadline, now >= deadline else { return }
        endOperation("the WAL receiver has not ended within \(Self.detachBound.milliseconds) ms")
    }
}
