import ClusterModel

/// The heart: who may write, who follows whom, when to fence. Pure: no input or output, no clock, no thread.
/// docs/leadership.md is the argument; the numbers of its chapters stand beside the rules.
package enum Leadership {
    /// Decides what to do now. Called after every event and at the latest at the `wakeAt` of the decision before.
    ///
    /// - Parameters:
    ///   - observation: what is known at this moment.
    ///   - memory: what the previous call returned; `Memory()` at boot.
    ///   - now: this machine's `CLOCK_BOOTTIME`.
    ///   - removed: for the simulator alone.
    package static func decide(
        _ observation: consuming Observation, _ memory: consuming Memory, now: Instant, without removed: [Guard] = []
    ) -> (Decision, Memory) {
        var decider = Decider(observation: observation, memory: memory, now: now, removed: removed)
        decider.run()
        return decider.result()
    }

    /// What to say to a peer's question, at once. A vote that is granted takes effect, and shows, with later decisions.
    package static func answer(
        _ request: PeerRequest, _ observation: Observation, _ memory: Memory, now: Instant,
        without removed: [Guard] = []
    ) -> (PeerAnswer, Memory) {
        var decider = Decider(observation: observation, memory: memory, now: now, removed: removed)
        decider.absorb()
        let answer =
            switch request {
            case .consent(let request): decider.consent(to: request)
            case .vote(let request): decider.vote(for: request)
            }
        return (answer, decider.memory)
    }
}

/// One evaluation. A struct of one call: the rules are spread over extensions by what they are about.
struct Decider {
    let observation: Observation
    let now: Instant
    let removed: [Guard]
    var memory: Memory
    var decision: Decision
    /// Of a follower: what is known of its leader's timeline is not to be relied on yet.
    var isAheadOfNews = false

    init(observation: consuming Observation, memory: consuming Memory, now: Instant, removed: [Guard] = []) {
        // Every bound below wakes at its own moment; this is for nothing in particular.
        decision = Decision(wakeAt: now + observation.settings.renewEvery)
        self.observation = observation
        self.memory = memory
        self.now = now
        self.removed = removed
    }

    consuming func result() -> (Decision, Memory) { (decision, memory) }

    var settings: LeadershipSettings { observation.settings }
    var store: StoreView { observation.store }
    var record: ClusterRecord? { observation.store.record }
    var local: LocalState { observation.local }
    var me: Member { observation.me }
    var operation: Operation? { observation.operation }

    var data: DataState? {
        if case .present(let data) = local.data { data } else { nil }
    }

    var running: LocalState.Running? {
        if case .running(let running) = local.process { running } else { nil }
    }

    /// Whether postgres could acknowledge a write, now or as soon as it has started.
    var mayBeWritable: Bool { local.mayWrite || running?.inRecovery == false }

    @inline(__always)
    func holds(_ name: Guard, _ condition: @autoclosure () -> Bool) -> Bool { condition() || removed.contains(name) }

    mutating func run() {
        absorb()
        if case .refused(let reason) = local.data {
            return give(.exit(code: ExitCode.dataRefused, reason: reason))
        }
        if let refusal = refusal() { return give(.exit(code: ExitCode.dataRefused, reason: refusal)) }

        let lease = lease
        if let lease, holds(.holderGivesUp, now < lease.end) {
            decision.writableUntil = removed.contains(.holderGivesUp) ? now + .seconds(3600) : lease.writableUntil
            wake(at: lease.end)
        } else if lease != nil || store.held != nil || mayBeWritable {
            abandon()
        }
        if observation.shutdownRequests == 0, memory.triedHandover,
            record?.intent.fenced.contains(me.name) != true
        {
            memory.triedHandover = false
        }
        if observation.shutdownRequests > 0 {
            shutDown()
        } else if decision.writableUntil != nil {
            lead()
        } else {
            memory.givesUpSince = nil
            standBy()
        }
        showVote()
    }

    /// Why this data directory cannot belong to this cluster; nil when it can.
    private func refusal() -> String? {
        guard let data, let mine = record?.systemIdentifier, data.systemIdentifier != mine, data.term > 0 else {
            return nil
        }
        return "the data directory has system identifier \(data.systemIdentifier), but cluster "
            + "'\(observation.cluster)' has \(mine): it belongs to another cluster. Nothing in it was touched; "
            + "move it away to let this member be cloned, or correct 'cluster' or 'lease'"
    }
}

/// The exit codes that a decision can lead to (docs/operations.md).
package enum ExitCode {
    /// A requested stop.
    package static let success: Int32 = 0
    /// The data directory is not ours, of another cluster, or of another major version.
    package static let dataRefused: Int32 = 65
}
