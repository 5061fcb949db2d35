import ClusterModel
import Configuration
import Glibc
import Leadership
import Logging
import Platform
import Postgres

/// Steps on the way to a server that may be written to: only inside the lease, and only with a guard.
extension SupervisionLoop {
    func prepareStart(_ mode: StartMode) {
        reloadWhenItAnswers = false
        let server = loaded.server
        let role: ServerConfiguration.Role
        switch mode {
        case .primary: role = .primary
        case .standby(let name):
            startAddress = name.flatMap { upstreamInfo($0) }
            role = name.map { standbyRole($0) } ?? .standby(upstream: nil, slot: nil)
        }
        let term = mode == .primary ? observation.store.record?.term : nil
        let canonical = canonicalDataDirectory
        onDisk(.prepareStart) { directory in
            try Leftovers.end(of: directory, canonicalPath: canonical)
            _ = try PostmasterPIDFile.removeStale(dataDirectory: directory.path)
            // Before it is opened under a term, that term is on disk: nobody opens it under a lower one again.
            if let term { try directory.raiseTerm(to: term) }
            try server.prepareStart(role)
        }
    }

    func raiseTerm() {
        let term = observation.store.record?.term ?? 0
        onDisk(.raiseTerm) { directory in try directory.raiseTerm(to: term) }
    }

    func requestPromotion() {
        guard var process = postgres, let until = decision.writableUntil, BootClock.now() < until, guardian.isAlive
        else { return endOperation("the lease or the guard went away before the promotion") }
        // From here on it may become writable, whether we hear of it or not.
        process.mayWrite = true
        postgres = process
        observation.local.mayWrite = true
        feedGuard()
        let local = loaded.server.local()
        onRemote(.requestPromotion) { deadline in
            try Promotion.request(on: SQLConnection.open(local, deadline: deadline), deadline: deadline)
        }
    }

    /// pg_rewind of the others needs the new timeline in pg_control.
    func afterPromotion() {
        let local = loaded.server.local()
        remote.submit {
            let deadline = BootClock.now() + .seconds(120)
            guard let connection = try? SQLConnection.open(local, deadline: deadline) else { return }
            try? Promotion.checkpoint(on: connection, deadline: deadline)
        }
        upstream = nil
        let server = loaded.server
        // Its files say standby until the next start: a reload must not bring that back.
        disk.submit { try? server.write(.primary) }
    }
}
