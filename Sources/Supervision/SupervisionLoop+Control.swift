import ClusterModel
import Leadership
import Logging
import Management
import Platform

/// What operators ask for over HTTP: any member may be asked.
extension SupervisionLoop {
    func take(_ request: ControlRequest, _ reply: @escaping @Sendable (ControlAnswer) -> Void) {
        let now = BootClock.now()
        log.notice("asked for", metadata: ["request": "\(request)"])
        if let rivalry = rivalry(now) { return reply(.unavailable(reason: rivalry)) }
        guard observation.store.hasAnswered else {
            return reply(.unavailable(reason: "the lease store has not answered yet"))
        }
        control.add(request, at: now) { [log] answer in
            log.notice("answered", metadata: ["request": "\(request)", "answer": "\(answer)"])
            reply(answer)
        }
        // Judged by what the others say after it was asked: a report of a second ago may be of a member that was starting.
        askPeers(Array((observation.store.record?.members ?? [:]).keys))
        submitControl()
    }

    /// Writes what was asked for into the record, where the holder finds it.
    func submitControl() {
        guard !control.isEmpty else { return }
        let now = BootClock.now()
        control.expire(at: now)
        guard !observation.store.writeInFlight, let since = control.since else { return }
        let record = observation.store.record
        let everybodyAnswered = (record?.members ?? [:]).keys.allSatisfy { name in
            name == observation.me.name || observation.peers[name].map { $0.receivedAt >= since } ?? false
        }
        guard everybodyAnswered || now >= since + ControlQueue.reportPatience else { return }
        let view = record.map { record in
            ControlView(
                record: record, members: freshStatuses(now), maximumLag: observation.settings.maximumLag,
                wallClock: BootClock.wallClockMilliseconds(), standbySource: observation.standbySource)
        }
        guard let next = control.next(view, term: record?.term ?? 0), let version = observation.store.version else {
            return
        }
        guard lease.write(.replace(next, at: version)) else { return control.notSent() }
        observation.store.writeInFlight = true
    }

    /// Every member that answers, this one included.
    func freshStatuses(_ now: Instant) -> [MemberName: MemberStatus] {
        var statuses: [MemberName: MemberStatus] = [:]
        for (name, peer) in observation.peers where now.since(peer.receivedAt) <= observation.settings.reportLifetime {
            statuses[name] = peer.status
        }
        statuses[observation.me.name] = memberStatus(now)
        return statuses
    }
}
