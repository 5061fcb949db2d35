import ClusterModel
import Leadership

/// What happens at a moment. Payloads that are large are boxed, so that the queue moves little.
enum Event {
    /// PID 1's own next moment.
    case timer(Int)
    case messages(Int, Inbound)
    case leaseReaches(LeaseCall)
    case leaseAnswers(LeaseCall)
    case leaseTimesOut(LeaseCall)
    case asks(PeerCall)
    case step(Int, operation: Int, OperationStep)

    // Servers: the number tells one run of a postmaster from another.
    case serverReady(Int, server: Int)
    case serverPromoted(Int, server: Int)
    case serverStopped(Int, server: Int, clean: Bool)
    case serverKilled(Int, server: Int)
    case serverPromotes(Int, server: Int, timeline: UInt32, term: UInt64)
    case serverStops(Int, server: Int)
    /// Reads its configuration again; -1: without an upstream.
    case serverReloads(Int, server: Int, upstream: Int)
    case settingLoaded(Int, server: Int, number: Int)
    case guardFires(Int)
    case guardStarts(Int)
    case commits(Int, server: Int)
    case streams(Int, server: Int)
    case walArrives(Int, server: Int, connection: Int, WAL.Position)
    case walConfirmed(Int, server: Int, by: Int, connection: Int, UInt64)

    case starts(Int)
    case injects
    case begins(StartedFault)
    case faultEnds(Int)
    case operates(OperatorCall)
    case heals
}

/// What reaches PID 1's loop. While it is frozen it waits in the mailbox.
enum Inbound {
    case leaseAnswered(LeaseCall)
    case storeChanged
    case probed(server: Int, ProbeResult)
    case postmasterEnded(server: Int, asked: Bool)
    case inspected(number: Int)
    case peerAnswered(PeerReportBox)
    case peerAsked(PeerCall)
    case consented(MemberName, Consent)
    case historyFetched(TimelineHistory?)
    case terminated
    case guardEnded

    var isFromOutside: Bool {
        switch self {
        case .storeChanged, .peerAnswered, .peerAsked, .consented: true
        default: false
        }
    }
}

enum ProbeResult {
    case failed
    case report(ProbeReport)
}

/// A server's answer to PID 1's query.
final class ProbeReport {
    let running: LocalState.Running
    init(_ running: LocalState.Running) { self.running = running }
}

final class PeerReportBox {
    let name: MemberName
    let report: PeerReport
    init(name: MemberName, report: PeerReport) {
        self.name = name
        self.report = report
    }
}

/// One call of the lease thread.
final class LeaseCall {
    enum Result {
        case pending
        case read(ClusterRecord?, version: Int)
        case written(version: Int)
        case conflict
        case unavailable
    }

    let member: Int
    let run: Int
    /// nil: a read.
    let write: StoreWrite?
    /// Own clock, just before it was sent.
    let sentAt: Instant
    var result = Result.pending
    /// What the store made of it, whoever still waits for it.
    var isOver = false

    init(member: Int, run: Int, write: StoreWrite?, sentAt: Instant) {
        self.member = member
        self.run = run
        self.write = write
        self.sentAt = sentAt
    }
}

/// One HTTP request of a member to another: for its status, or for a promise.
final class PeerCall {
    let from: Int
    let to: Int
    let run: Int
    /// nil: `GET /v1/peer`.
    let request: PeerRequest?
    let askedAt: Instant
    /// Nobody waits for the answer after that.
    let deadline: Int64

    init(from: Int, to: Int, run: Int, request: PeerRequest?, askedAt: Instant, deadline: Int64) {
        self.from = from
        self.to = to
        self.run = run
        self.request = request
        self.askedAt = askedAt
        self.deadline = deadline
    }
}

/// Where an operation stands.
enum OperationStep {
    case prepared, requested, halfway, done
    case failed(String)
}

/// What an operator does to the record, through some member.
final class OperatorCall {
    enum Change {
        case switchover(to: Int?, force: Bool, afterMilliseconds: Int64?)
        case pause(Bool)
        case fence(Int, Bool)
        case reclone(Int)
        case restart(onlyIfPending: Bool)
        case remove(Int)
    }

    let change: Change
    var attempts = 0
    init(_ change: Change) { self.change = change }
}
