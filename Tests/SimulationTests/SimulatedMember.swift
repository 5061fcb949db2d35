import ClusterModel

@testable import Leadership

/// A member as the simulator sees it: what is on its disk, what runs, and what its PID 1 believes.
struct SimulatedMember {
    /// Survives a crash.
    struct Disk {
        var data: DataState
        /// Ancestry of the data's timeline.
        var history: TimelineHistory
        var flushed: LSN
    }

    let name: MemberName
    var disk: Disk?
    var alive = false
    /// Counts starts; an event of an earlier run is void.
    var run = 0
    var memory = Memory()
    var observation: Observation
    var writableUntil: Instant?
    var guardCheckAt: Instant?
    var wakeAt = Instant(nanoseconds: 0)

    init(name: MemberName) {
        self.name = name
        observation = SimulatedMember.fresh(name, run: 0)
    }

    static func fresh(_ name: MemberName, run: Int) -> Observation {
        let incarnation = Incarnation(name: name, podUID: "uid-\(name)", bootID: "boot-\(run)")
        let member = Member(name: name, incarnation: incarnation, api: "", postgresHost: "", postgresPort: 0)
        return Observation(me: member, cluster: "sim", settings: LeadershipSettings())
    }

    /// Whether a commit would be acknowledged at `now`: the guard has killed postgres past `writableUntil`.
    func acknowledges(at now: Instant) -> Bool {
        guard alive, observation.local.mayWrite, case .running(let running) = observation.local.process,
            !running.inRecovery, let writableUntil
        else { return false }
        return now < writableUntil
    }

    func status(at now: Instant) -> MemberStatus {
        var status = MemberStatus(
            cluster: "sim", name: name, incarnation: observation.me.incarnation, version: "simulated")
        status.term = observation.store.record?.term ?? 0
        guard case .running(let running) = observation.local.process else { return status }
        status.role = running.inRecovery ? .replica : (acknowledges(at: now) ? .primary : .replica)
        status.state = running.streaming ? .streaming : .running
        status.streaming = running.streaming
        status.timeline = running.timeline
        status.flushed = running.flushed
        status.candidate = running.inRecovery
        return status
    }

    mutating func refreshData() {
        guard let disk else { return observation.local.data = .absent }
        observation.local.data = .present(disk.data)
        guard case .running(var running) = observation.local.process else { return }
        running.timeline = disk.data.timeline
        running.flushed = disk.flushed
        running.replayed = disk.flushed
        observation.local.process = .running(running)
    }
}
