import ClusterModel
import Leadership

/// A data directory: survives every crash.
struct Disk {
    var place: WAL.Position
    var system: UInt64
    var wasPrimary: Bool
    var cleanShutdown: Bool
    var checkpoint: UInt64
    var minimumRecovery: UInt64
    var term: UInt64
    var rewindPending = false
}

/// `synchronous_standby_names` as a set of members.
struct StandbySet: Equatable {
    var members: UInt32
    var required: Int

    static let none = StandbySet(members: 0, required: 0)
}

/// A running postmaster and all that belongs to it.
struct Server {
    enum Phase {
        /// Until `ready`.
        case starting
        case up
        case stopping
    }

    /// A walsender, by the member that it serves.
    struct Sender {
        var connection = 0
        var flushed: UInt64 = 0
        var isConnected = false
        /// Its receiver has ended, and the network has not told it.
        var endedAt: Int64?
    }

    let number: Int
    var phase = Phase.starting
    var inRecovery: Bool
    var isFrozen = false
    /// The disk of it does not take writes.
    var startedAt: Int64
    var readyAt: Int64 = 0
    /// Of a promotion that was requested.
    var promotesTo: UInt32?
    var term: UInt64 = 0
    /// Where it came out of recovery.
    var openedAt: UInt64 = 0
    /// Number of the opening, of all servers.
    var opening = 0
    /// Everything up to here can be read by ordinary clients.
    var visible: UInt64 = 0

    // As loaded, and what some of its processes may still go by.
    var setting = SynchronousSetting.none
    var standbys = StandbySet.none
    var formerStandbys = StandbySet.none
    var formerUntil: Int64 = 0
    var admitsClients = true
    /// Commits that wait for standbys, in order.
    var waiting: [UInt64] = []
    var senders: [Sender]

    // As a standby.
    var upstream: Int?
    var connection = 0
    var connectedServer = 0
    var isStreaming = false
    var brokenSince: Int64?

    /// Reached it while it was frozen: what the kernel kept for it.
    var held: [Event] = []

    init(number: Int, inRecovery: Bool, members: Int, at now: Int64) {
        self.number = number
        self.inRecovery = inRecovery
        startedAt = now
        senders = Array(repeating: Sender(), count: members)
    }

    var isOpen: Bool { phase == .up && !inRecovery }
}
