import ClusterModel

/// Rules for everybody who does not hold the lease.
extension Decider {
    mutating func standBy() {
        // A hand-over ends with the lease, one way or the other.
        forgetLeading()
        guard store.hasAnswered else {
            decision.problem = "the lease store has not answered yet"
            return
        }
        guard let record else { return standWithoutRecord() }
        if record.members[me.name]?.incarnation == me.incarnation { memory.wasEntered = true }
        if let data, let cluster = record.systemIdentifier, data.systemIdentifier != cluster {
            // Never opened (else it would have been refused): it lost the race to become the cluster.
            if case .stopped = local.process { operate(.discard) } else { operate(.stop(.orderly)) }
            return
        }
        if restoreRecord(record) { return }
        if let since = memory.renewalUnchangedSince { wake(at: since + record.duration) }
        suspect(record)
        registerIfNeeded(record)
        if record.intent.fenced.contains(me.name) { return stayFenced() }
        if isFree || isMyPast(record) || mayReplaceByVotes(record) {
            considerTakingOver(record)
            // Whoever has voted is bound by it, whether it stands as well or not.
            if memory.ballot != nil { detachForVote() }
        } else if memory.ballot != nil, !removed.contains(.noStreamWhileVoted) {
            detachForVote()
        } else if let holder = record.holder, holder.name != me.name, let leader = record.members[holder.name] {
            memory.arriving = nil
            if record.systemIdentifier == nil, record.remote == nil || data == nil {
                decision.problem = "waits for \(holder.name) to initialize the cluster"
            } else if !keepsAsItIs(record) {
                rejoin(leader, record)
            }
        }
    }

    /// What was noted as a holder says nothing about a later term.
    private mutating func forgetLeading() {
        memory.handover = nil
        memory.demoting = nil
        memory.promoting = nil
        guard memory.setting != nil || memory.consented != nil || !memory.rounds.isEmpty || memory.gate != nil else {
            return
        }
        memory.setting = nil
        memory.streamed = [:]
        memory.consented = nil
        memory.rounds = []
        memory.gate = nil
    }

    /// Puts the own entry into the record; the holder does so with its renewals. A member that was removed, or whose name
    /// another run has taken, does not fight for it.
    private mutating func registerIfNeeded(_ record: ClusterRecord) {
        let entered = record.members[me.name]
        guard entered != me, record.holder != me.incarnation else { return }
        if memory.wasEntered, entered == nil, record.intent.removed.contains(me.name) {
            decision.problem = "was removed from the cluster; restart it to enter it again"
            return
        }
        if memory.wasEntered, let entered, entered.incarnation != me.incarnation {
            // A store that went back brings back an earlier run; another run of this name comes again and again.
            decision.problem = "another run with the name \(me.name) has taken its place: two members have one name"
            if let last = memory.reenteredAt, now < last + settings.duration {
                return wake(at: last + settings.duration)
            }
            guard memory.reentries < 5 else { return }
            memory.reentries += 1
            memory.reenteredAt = now
        }
        var next = record
        next.members[me.name] = me
        next.intent.removed.removeAll { $0 == me.name }
        write(next)
    }

    /// Maintenance: what has run once stays as it is.
    private mutating func keepsAsItIs(_ record: ClusterRecord) -> Bool {
        guard record.intent.paused, memory.hasRun, case .stopped = local.process else { return false }
        decision.problem = "postgres is down, and the cluster is paused"
        return true
    }

    /// In lossless modes the record promises from the very first commit on: until standbys are counted, only the first
    /// primary may lead.
    var firstPromise: SynchronousState? {
        let mode = settings.synchronousMode
        return mode.isLossless ? SynchronousState(mode: mode, members: [], votes: 1) : nil
    }

    /// The store shows less than is known here: it was restored, or somebody changed the record by hand. Whoever knows
    /// more writes it back. True while that is under way.
    private mutating func restoreRecord(_ record: ClusterRecord) -> Bool {
        if let known = memory.known, record.term < known.term {
            decision.problem = "the store went back to an older record"
            // Under a stamp of its own, so that no renewal comes back that somebody has voted against; D stays the holder's.
            var next = known
            memory.renewals += 1
            next.renewal = "\(me.incarnation.bootID).\(memory.renewals)"
            write(next)
            return true
        }
        // It says that this cluster leads, and is older than the day on which it began to follow another one.
        if let data, data.followsRemote, record.remote == nil, record.term < data.term {
            decision.problem = "the store went back to before this cluster followed another one"
            var next = record
            next.remote = RemoteCluster()
            next.term = data.term
            next.holder = nil
            next.synchronous = nil
            stamp(&next)
            write(next)
            return true
        }
        // A record of a cluster that nobody has made yet, and it exists: here are its data, or they were heard of.
        guard record.systemIdentifier == nil, record.holder?.name != me.name else { return false }
        var system = memory.knownSystem
        if let data, data.term > 0 { system = data.systemIdentifier }
        guard system != nil else { return false }
        var next = record
        next.systemIdentifier = system
        next.timeline = max(data?.timeline ?? TimelineID(1), memory.known?.timeline ?? TimelineID(1))
        next.electorate = []
        next.synchronous = next.synchronous ?? firstPromise
        next.members[me.name] = me
        write(next)
        return true
    }

    /// There is no record. Made anew by one member, without a holder, from the best that it knows, once no holder of
    /// the lost one can still be writable.
    private mutating func standWithoutRecord() {
        var first = ClusterRecord(cluster: observation.cluster, durationMilliseconds: settings.duration.milliseconds)
        switch local.data {
        case .absent:
            guard memory.known == nil else {
                decision.problem = "the cluster record is missing"
                return
            }
            let due = (memory.missingSince ?? now) + settings.bootstrapPatience
            guard now >= due else {
                decision.problem = "there is no cluster record yet; waits for members that have data"
                return wake(at: due)
            }
            first.holder = me.incarnation
            first.term = 1
            if observation.standbySource?.followsFirst ?? false { first.remote = RemoteCluster() }
            first.synchronous = first.remote == nil ? firstPromise : nil
            first.electorate = [me.name]
            memory.arriving = Transition(
                id: "bootstrap-1", kind: .bootstrap, from: nil, to: me.name, term: 1, succeeded: true,
                reason: "the cluster did not exist")
        case .present(let data):
            // Who knows nothing of the lost record leaves it to those who do.
            let patience = settings.duration * (memory.known == nil ? 1.5 : 1)
            let due = max((memory.missingSince ?? now) + patience, memory.promise?.until ?? now)
            guard now >= due else {
                decision.problem = "the cluster record is missing"
                return wake(at: due)
            }
            if let known = memory.known {
                first = known
                first.holder = nil
                first.systemIdentifier = known.systemIdentifier ?? data.systemIdentifier
                first.timeline = max(known.timeline ?? data.timeline, data.timeline)
                first.successor = nil
                first.successorIsConfirmed = false
            } else {
                first.systemIdentifier = data.systemIdentifier
                first.timeline = data.timeline
                first.term = data.term
                if data.wasPrimary { first.primary = me.name }
                // A lost record must not make two clusters of one writable.
                if data.followsRemote { first.remote = RemoteCluster() }
                // Who had acknowledged what is not known any more.
                if first.remote == nil, settings.synchronousMode.isLossless {
                    first.synchronous = SynchronousState(mode: settings.synchronousMode, members: [], votes: 1)
                }
            }
        case .unknown, .refused: return
        }
        stamp(&first)
        write(first)
    }
}
