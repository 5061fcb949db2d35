import ClusterModel
import Leadership

/// A pod: its disk, its server, its guard, and its PID 1 with all that this believes.
final class SimulatedMember {
    let index: Int
    let name: MemberName

    // Clock: counts faster or slower than the true one, from another beginning.
    var clockBase: Int64
    /// Parts per million that it is too fast.
    let clockRate: Int64
    var wallOffset: Int64 = 0

    var disk: Disk?
    var server: Server?
    var serverCount = 0

    var alive = false
    var removed = false
    /// PID 1 is stopped. The guard is not, unless `isPodFrozen`.
    var isFrozen = false
    var isPodFrozen = false
    /// PID 1 freezes between its next decision and what follows from it.
    var freezesAtNextDecision = false
    var mailbox: [Inbound] = []
    var stalled: [Effect] = []
    var podUID = 0
    /// Of PID 1; an event of an earlier one is void.
    var run = 0

    var diskHangs = 0
    var lastTurn: Int64 = 0
    /// When a client of it was last told of a commit.
    var acknowledgedAt: Int64 = -1_000_000_000_000

    // PID 1.
    var observation: Observation
    var memory = Memory()
    var decision = Decision(wakeAt: Instant(nanoseconds: 0))
    var timerAt: Int64 = -1
    var operationNumber = 0
    /// What the record and the decision said when the operation began.
    var operationTerm: UInt64 = 0
    var openingSetting = SynchronousSetting.none
    var openingAdmits = true
    var detachTries = 0
    var pendingRestart = false
    var uncertain: LeaseCall?
    var leaseQueue: [StoreWrite?] = []
    var leaseCall: LeaseCall?
    var readQueued = false
    var nextReadAt = Instant(nanoseconds: 0)
    var nextProbeAt = Instant(nanoseconds: 0)
    var nextPeersAt = Instant(nanoseconds: 0)
    var isProbing = false
    var answered = false
    var stopMode: StopMode?
    var inspections = 0
    var isSettling = false
    var settlingError: String?
    var isFetchingHistory = false
    /// Setting written last, and whether a later look has seen it.
    var wantedSetting: SynchronousSetting?
    var wantedAdmission: Bool?
    var settingNumber = 0
    var exiting: Int32?
    /// Own clock; the guard kills from then on.
    var guardDeadline: Instant?
    var guardEventAt: Int64 = -1
    /// It has died, and PID 1 has not started another yet.
    var isGuardDead = false

    // Counting for the bound on effects.
    var effectsSince: Int64 = 0
    var effects = 0

    init(index: Int, clockBase: Int64, clockRate: Int64, settings: LeadershipSettings) {
        self.index = index
        self.clockBase = clockBase
        self.clockRate = clockRate
        name = MemberName("pg-\(index + 1)")
        observation = Observation(
            me: Member(
                name: name, incarnation: Incarnation(name: name, podUID: "", bootID: ""), api: "", postgresHost: "",
                postgresPort: 0), cluster: "sim", settings: settings)
    }

    /// Own clock at a true time.
    func clock(_ moment: Int64) -> Instant {
        Instant(nanoseconds: UInt64(clockBase + moment * (1_000_000 + clockRate) / 1_000_000))
    }

    /// The true time at which the own clock has reached a moment.
    func time(_ moment: Instant) -> Int64 {
        let span = Int64(clamping: moment.nanoseconds) - clockBase
        guard span < 5_000_000_000_000 else { return 1 << 60 }
        return span * 1_000_000 / (1_000_000 + clockRate) + 1
    }

    /// Whether a commit can be made now.
    var writes: Bool {
        guard let server else { return false }
        return server.isOpen && !server.isFrozen
    }

    var running: LocalState.Running? {
        if case .running(let running) = observation.local.process { running } else { nil }
    }
}

extension Operation {
    var isPromotion: Bool { if case .promote = self { true } else { false } }
}
