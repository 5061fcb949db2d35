import ClusterModel
import Configuration
import Leadership
import Logging
import Management
import Platform
import Postgres

/// The disk of the data directory: who watches it, and what is said of it.
extension SupervisionLoop {
    static func storage(_ parts: Parts) throws(SystemError) -> DiskKeeper {
        let mailbox = parts.mailbox
        return try DiskKeeper(
            dataDirectory: parts.loaded.configuration.dataDirectory,
            ballastBytes: parts.loaded.configuration.ballast.size
        ) { state in
            _ = mailbox.post(.disk(state))
        }
    }

    func diskChanged(_ state: DiskState, _ now: Instant) {
        // Somebody has looked at what was kept, and removed it.
        if state.divergedWALSets == 0, divergedWALSets > 0 { divergedWAL = nil }
        divergedWALSets = state.divergedWALSets
        let before = observation.local.disk
        let health = state.health
        observation.local.disk = health
        guard before != health else { return }
        // What is wrong is said once, with what to do; then that it is over.
        switch health {
        case .fine: log.notice("the disk of the data directory takes writes again")
        case .full, .hung:
            log.error("the disk", metadata: ["problem": "\(ailments.problem(disk: health, at: now) ?? "")"])
        }
    }

    var storageStatus: StorageStatus? {
        let state = storage.state
        guard let space = state.space else { return nil }
        let isHung = if case .hung = state.health { true } else { false }
        return StorageStatus(
            freeBytes: space.freeBytes, sizeBytes: space.sizeBytes, ballastBytes: state.ballastBytes,
            divergedWALSets: state.divergedWALSets,
            isFull: state.health == .full, isHung: isHung)
    }

    /// Said in the status until it is removed, or PID 1 starts again: a person decides what becomes of it.
    func keptWAL(_ description: String) {
        divergedWAL = description
        log.warning("WAL that no other member has was kept aside", metadata: ["what": "\(description)"])
    }
}
