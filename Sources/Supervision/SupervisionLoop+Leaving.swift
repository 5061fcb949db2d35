import ClusterModel
import Configuration
import Glibc
import Leadership
import LeaseStores
import Logging
import Management
import Metrics
import Platform
import Postgres

/// The end of PID 1.
extension SupervisionLoop {
    /// Nothing of ours outlives PID 1. True when nothing is left.
    func endPostgresFirst() -> Bool {
        guard let postgres else { return true }
        if postgres.stop == nil {
            observation.operation = .stop(.orderly)
            stop(.orderly)
        }
        return false
    }

    func leave(_ reason: String) {
        log.notice("pgmahout ends", metadata: ["reason": "\(reason)"])
        if let tool { registry.signalGroup(tool.process, SIGKILL) }
        job?.kill()
        inspector?.kill()
        guardian.dismiss()
        let deadline = BootClock.now() + .seconds(5)
        for kind in workers.keys { workers[kind]?.end() }
        while workers.values.contains(where: { $0.process != nil }), BootClock.now() < deadline {
            _ = Poll.wait([signals, mailbox.wakeDescriptor], until: BootClock.now() + .milliseconds(200))
            _ = Signals.pending(signals)
            registry.reap()
            for message in mailbox.drain() {
                if case .workerEnded(let kind, let process, _) = message {
                    _ = workers[kind]?.ended(process, now: BootClock.now())
                }
            }
        }
        for worker in workers.values { worker.kill() }
        lease.stop()
        probe.stop()
        peers.stop()
        storage.stop()
        remoteWatch.stop()
        kubernetes?.stop()
    }
}
