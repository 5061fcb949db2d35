import ClusterModel
import LeaseStores
import Management

/// What operators asked for and what has not been answered yet: one at a time is written into the record, by
/// compare-and-swap, and judged anew after every conflict. Holds no more than `capacity`, and none longer than `patience`.
struct ControlQueue {
    typealias Reply = @Sendable (ControlAnswer) -> Void

    static let capacity = 16
    static let attempts = 10
    static let patience = Duration.seconds(8)
    /// How long a request waits for reports that are younger than it is.
    static let reportPatience = Duration.milliseconds(400)

    private struct Pending {
        let request: ControlRequest
        let reply: Reply
        let since: Instant
        /// Made when the record is known, and the same for every try.
        var id: String?
        var attempts = 0
        /// On its way, and the answer that is good once it has succeeded.
        var sent: (record: ClusterRecord, answer: ControlAnswer)?
        /// The last write failed: only reading tells what there is now.
        var awaitsRead = false
        /// A write may have been applied although it failed.
        var isDoubtful = false
    }

    private var waiting: [Pending] = []

    init() {}

    var isEmpty: Bool { waiting.isEmpty }

    /// Since when the one whose turn it is has waited; nil: nobody waits.
    var since: Instant? { waiting.first?.since }

    /// When there is something to do again, if nothing happens; nil: nobody waits.
    var deadline: Instant? {
        waiting.map { $0.since + Self.patience }.min().map { limit in
            guard let first = waiting.first, first.sent == nil, !first.awaitsRead, first.attempts == 0 else {
                return limit
            }
            return min(limit, first.since + Self.reportPatience)
        }
    }

    mutating func add(_ request: ControlRequest, at now: Instant, _ reply: @escaping Reply) {
        guard waiting.count < Self.capacity else {
            return reply(.unavailable(reason: "too many requests wait for the record to be written"))
        }
        waiting.append(Pending(request: request, reply: reply, since: now))
    }

    /// What has waited for too long is answered.
    mutating func expire(at now: Instant) {
        for pending in waiting where now >= pending.since + Self.patience {
            pending.reply(.unavailable(reason: "the record could not be written in time; ask again what became of it"))
        }
        waiting.removeAll { now >= $0.since + Self.patience }
    }

    /// The record to write next; nil when there is none. To be called only while no other write is under way.
    /// - Parameter view: nil while there is no record.
    mutating func next(_ view: ControlView?, term: UInt64) -> ClusterRecord? {
        while var pending = waiting.first, pending.sent == nil, !pending.awaitsRead {
            guard let view else {
                finish(.unavailable(reason: "there is no cluster record yet"))
                continue
            }
            guard pending.attempts < Self.attempts else {
                finish(.unavailable(reason: "the record could not be written: others change it all the time"))
                continue
            }
            let id = pending.id ?? pending.request.newID(term: term)
            pending.id = id
            pending.attempts += 1
            switch ControlPlan.make(pending.request, id: id, view: view) {
            case .answer(let answer):
                // What it finds may be its own work.
                finish(pending.isDoubtful ? .accepted(id: id) : answer)
            case .write(let record, let answer):
                pending.sent = (record, answer)
                waiting[0] = pending
                return record
            }
        }
        return nil
    }

    /// The lease's thread took nothing.
    mutating func notSent() {
        guard !waiting.isEmpty else { return }
        waiting[0].sent = nil
    }

    mutating func written(_ record: ClusterRecord) {
        guard let sent = waiting.first?.sent, sent.record == record else { return }
        finish(sent.answer)
    }

    mutating func failed(_ record: ClusterRecord, _ error: LeaseStoreError) {
        guard waiting.first?.sent?.record == record else { return }
        waiting[0].sent = nil
        waiting[0].awaitsRead = true
        if error.isDoubtful { waiting[0].isDoubtful = true }
        if case .invalid(let reason) = error { finish(.unavailable(reason: reason)) }
    }

    /// The store was read after a failed write.
    mutating func wasRead() {
        guard !waiting.isEmpty else { return }
        waiting[0].awaitsRead = false
    }

    private mutating func finish(_ answer: ControlAnswer) { waiting.removeFirst().reply(answer) }
}
