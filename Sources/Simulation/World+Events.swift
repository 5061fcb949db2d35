import ClusterModel
import Leadership

extension World {
    func handle(_ event: Event) {
        switch event {
        case .timer(let index):
            // A decision that wanted to be woken earlier has replaced this one.
            guard members[index].timerAt == now else { return }
            members[index].timerAt = -1
            evaluate(members[index])
        case .messages(let index, let message): receive(members[index], message)
        case .leaseReaches(let call): leaseReaches(call)
        case .leaseAnswers(let call): leaseAnswers(call, timedOut: false)
        case .leaseTimesOut(let call): leaseAnswers(call, timedOut: true)
        case .asks(let call): asked(call)
        case .step(let index, let operation, let step): stepped(members[index], operation, step)
        case .guardFires(let index): guardFires(members[index])
        case .guardStarts(let index):
            members[index].isGuardDead = false
            evaluate(members[index])
        case .starts(let index):
            if !members[index].isPodFrozen || !members[index].alive { start(members[index]) }
        case .injects: inject()
        case .begins(let fault):
            if !isCalm { begin(fault.kind, member: fault.member, other: fault.other, lasting: fault.lasting) }
        case .faultEnds(let number): end(fault: number)
        case .operates(let call): operate(call)
        case .heals: heal()
        default: handleServer(event)
        }
    }

    private func handleServer(_ event: Event) {
        switch event {
        case .serverReady(let index, let number):
            if let member = current(index, number), !holds(member, event) { serverReady(member) }
        case .serverPromotes(let index, let number, let timeline, let term):
            if let member = current(index, number), !holds(member, event) {
                promote(member, timeline: timeline, term: term)
            }
        case .serverPromoted(let index, let number):
            if let member = current(index, number), !holds(member, event) { promoted(member) }
        case .serverStops(let index, let number):
            if let member = current(index, number), !holds(member, event) { stopBegins(member) }
        case .serverStopped(let index, let number, let clean):
            if let member = current(index, number), !holds(member, event) { serverStopped(member, clean: clean) }
        case .serverKilled(let index, let number):
            if let member = current(index, number), !member.isFrozen { serverEnds(member, clean: false) }
        case .serverReloads(let index, let number, let upstream):
            if let member = current(index, number), !holds(member, event) { reload(member, upstream: upstream) }
        case .settingLoaded(let index, let number, let setting):
            if let member = current(index, number), !holds(member, event) { settingLoaded(member, setting) }
        case .commits(let index, let number):
            if let member = current(index, number) { commit(member) }
        case .streams(let index, let number): streamTurn(members[index], number)
        case .walArrives(let index, let number, let connection, let place):
            if let member = current(index, number), !holds(member, event) { walArrives(member, connection, place) }
        case .walConfirmed(let index, let number, let standby, let connection, let at):
            if let member = current(index, number), !holds(member, event) {
                walConfirmed(member, by: standby, connection: connection, at)
            }
        default: break
        }
    }

    /// Whether a frozen server keeps it for later: signals are pending, data waits in the kernel.
    private func holds(_ member: SimulatedMember, _ event: Event) -> Bool {
        guard let server = member.server, server.isFrozen else { return false }
        if server.held.count < 512 { member.server?.held.append(event) }
        return true
    }
}
