import ClusterModel

@testable import Leadership

/// A member in the middle of something, to be changed by a test in the one respect that matters to it.
struct Scenario {
    static let start = Instant(nanoseconds: 1_000_000_000_000)
    static let systemIdentifier = SystemIdentifier(rawValue: 7_000_000_000_000_000_001)
    static let history = TimelineHistory(timeline: TimelineID(1))

    var observation: Observation
    var memory = Memory()
    var now = Scenario.start

    static func member(_ name: MemberName, boot: String = "boot") -> Member {
        Member(
            name: name, incarnation: Incarnation(name: name, podUID: "uid-\(name)", bootID: boot),
            api: "http://127.0.0.1:1", postgresHost: "127.0.0.1", postgresPort: 1)
    }

    static func record(holder: MemberName?, term: UInt64 = 3) -> ClusterRecord {
        var record = ClusterRecord(cluster: "demo", durationMilliseconds: 6000)
        for name in ["pg-1", "pg-2", "pg-3"] as [MemberName] { record.members[name] = member(name) }
        record.holder = holder.map { member($0).incarnation }
        record.primary = holder ?? "pg-1"
        record.term = term
        record.renewal = "first"
        record.systemIdentifier = systemIdentifier
        record.timeline = TimelineID(1)
        record.flushed = LSN(rawValue: 0x5000000)
        record.electorate = ["pg-1", "pg-2", "pg-3"]
        return record
    }

    static func data(wasPrimary: Bool, clean: Bool = true) -> DataState {
        DataState(
            systemIdentifier: systemIdentifier, timeline: TimelineID(1), checkpoint: LSN(rawValue: 0x5000000),
            minimumRecovery: LSN(rawValue: wasPrimary ? 0 : 0x5000000), wasPrimary: wasPrimary, cleanShutdown: clean,
            term: 3, rewindPending: false)
    }

    static func running(inRecovery: Bool, flushed: UInt64 = 0x5000100, upstream: MemberName? = nil, at: Instant = start)
        -> LocalState.Running
    {
        LocalState.Running(
            inRecovery: inRecovery, timeline: TimelineID(1), flushed: LSN(rawValue: flushed),
            replayed: LSN(rawValue: flushed), streaming: upstream != nil, upstream: upstream, provedAt: at,
            receiving: upstream != nil)
    }

    private init(me: MemberName, record: ClusterRecord?) {
        observation = Observation(me: Self.member(me), cluster: "demo", settings: LeadershipSettings())
        observation.store.hasAnswered = true
        observation.store.record = record
        observation.store.version = record == nil ? nil : "v1"
    }

    /// pg-1, holder of term 3, its postgres open for writes; both replicas stream.
    static func primary() -> Scenario {
        var scenario = Scenario(me: "pg-1", record: record(holder: "pg-1"))
        scenario.observation.store.held = StoreView.Held(term: 3, sentAt: start)
        scenario.observation.local.data = .present(data(wasPrimary: true, clean: false))
        scenario.observation.local.process = .running(running(inRecovery: false))
        scenario.observation.local.mayWrite = true
        scenario.report("pg-2", role: .replica)
        scenario.report("pg-3", role: .replica)
        return scenario
    }

    /// pg-2, a standby that follows pg-1.
    static func replica() -> Scenario {
        var scenario = Scenario(me: "pg-2", record: record(holder: "pg-1"))
        scenario.observation.local.data = .present(data(wasPrimary: false))
        scenario.observation.local.process = .running(running(inRecovery: true, upstream: "pg-1"))
        scenario.observation.local.upstream = "pg-1"
        scenario.observation.leaderHistory = history
        scenario.report("pg-1", role: .primary)
        scenario.report("pg-3", role: .replica)
        return scenario
    }

    /// A member without a data directory.
    static func newcomer(_ name: MemberName = "pg-3", record: ClusterRecord?) -> Scenario {
        var scenario = Scenario(me: name, record: record)
        scenario.observation.local.data = .absent
        return scenario
    }

    mutating func report(_ name: MemberName, role: Role, flushed: UInt64 = 0x5000100, timeline: UInt32 = 1) {
        var status = MemberStatus(
            cluster: "demo", name: name, incarnation: Self.member(name).incarnation, version: "test")
        status.role = role
        status.state = role == .primary ? .running : .streaming
        status.timeline = TimelineID(timeline)
        status.flushed = LSN(rawValue: flushed)
        status.streaming = role == .replica
        status.candidate = role == .replica
        status.term = observation.store.record?.term ?? 0
        observation.peers[name] = PeerReport(status: status, receivedAt: now)
    }

    mutating func decide(without removed: Guard? = nil) -> Decision {
        let (decision, next) = Leadership.decide(observation, memory, now: now, without: removed.list)
        memory = next
        return decision
    }

    mutating func answer(_ request: PeerRequest, without removed: Guard? = nil) -> PeerAnswer {
        let (answer, next) = Leadership.answer(request, observation, memory, now: now, without: removed.list)
        memory = next
        return answer
    }

    /// Lets time pass without anything else happening, with fresh reports of the same content.
    mutating func pass(_ span: Duration, reports: Bool = true) {
        now = now + span
        guard reports else { return }
        for name in observation.peers.keys { observation.peers[name]?.receivedAt = now }
    }

    /// The store applies a write of ours that was sent now.
    mutating func apply(_ write: StoreWrite) {
        observation.store.record = write.record
        observation.store.version = "v\(write.record.renewal)"
        if write.record.holder == observation.me.incarnation {
            observation.store.held = StoreView.Held(term: write.record.term, sentAt: now)
        }
    }
}

extension Scenario {
    /// `detach` was carried out.
    mutating func detach() {
        observation.local.upstream = nil
        guard case .running(var running) = observation.local.process else { return }
        running.receiving = false
        running.streaming = false
        running.upstream = nil
        running.provedAt = now
        observation.local.process = .running(running)
    }

    /// The member reports that it has voted against the present renewal.
    mutating func vote(_ name: MemberName, flushed: UInt64 = 0x5000100, timeline: UInt32 = 1) {
        report(name, role: .replica, flushed: flushed, timeline: timeline)
        observation.peers[name]?.status.streaming = false
        let vote = presentVote
        observation.peers[name]?.status.vote = vote
    }

    mutating func change(_ edit: (inout ClusterRecord) -> Void) {
        guard var record = observation.store.record else { return }
        edit(&record)
        observation.store.record = record
    }

    /// The running server, seen at this moment.
    mutating func server(_ edit: (inout LocalState.Running) -> Void) {
        guard case .running(var running) = observation.local.process else { return }
        running.provedAt = now
        edit(&running)
        observation.local.process = .running(running)
    }

    mutating func stopServer(crashed: Bool = false) {
        observation.local.process = .stopped
        observation.local.mayWrite = false
        observation.local.upstream = nil
        if crashed { observation.local.crashedSince = observation.local.crashedSince ?? now }
    }

    /// Commits wait: for one of pg-2 and pg-3, if nothing else is said.
    mutating func makeLossless(
        _ mode: SynchronousMode = .quorum, _ members: [MemberName] = ["pg-2", "pg-3"], votes: Int = 2
    ) {
        observation.settings.synchronousMode = mode
        change { $0.synchronous = SynchronousState(mode: mode, members: members, votes: votes) }
        let others = members.filter { $0 != observation.me.name }
        let required = max(mode == .strict ? 1 : 0, members.count - votes + 1)
        server { running in
            guard !running.inRecovery else { return }
            running.synchronous = SynchronousSetting(members: others, required: required)
            for name in others { running.replicas[name] = ReplicaState(streaming: true, flushed: running.flushed) }
        }
    }

    var presentVote: Vote? { observation.store.record.map { Vote(term: $0.term, renewal: $0.renewal) } }

    /// pg-2, which has waited out D over the lease of pg-1 and received the vote of pg-3.
    static func candidate() -> Scenario {
        var scenario = replica()
        _ = scenario.decide()
        scenario.observation.peers["pg-1"] = nil
        scenario.pass(.seconds(6))
        _ = scenario.decide()
        scenario.detach()
        scenario.vote("pg-3")
        return scenario
    }
}

extension Guard? {
    var list: [Guard] { map { [$0] } ?? [] }
}

extension Decision {
    var operations: [Operation] { effects.compactMap { if case .operate(let next) = $0 { next } else { nil } } }
    var write: StoreWrite? { effects.lazy.compactMap { if case .write(let write) = $0 { write } else { nil } }.first }
    var fences: Bool { effects.contains { if case .fence = $0 { true } else { false } } }
    /// Who was asked to vote.
    var votesAsked: [MemberName]? {
        effects.lazy.compactMap { if case .request(.vote, let names) = $0 { names } else { nil } }.first
    }
    /// Who was asked for consent, and how.
    var consentAsked: (request: ConsentRequest, of: [MemberName])? {
        effects.lazy.compactMap {
            if case .request(.consent(let request), let names) = $0 { (request, names) } else { nil }
        }
        .first
    }
    var setting: SynchronousSetting? {
        effects.lazy.compactMap { if case .synchronize(let setting) = $0 { setting } else { nil } }.first
    }
    var exit: Int32? { effects.lazy.compactMap { if case .exit(let code, _) = $0 { code } else { nil } }.first }
    var reports: [Transition] { effects.compactMap { if case .report(let end) = $0 { end } else { nil } } }
}
