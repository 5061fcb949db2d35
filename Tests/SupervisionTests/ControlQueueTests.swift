import ClusterModel
import LeaseStores
import Management
import Synchronization
import Testing

@testable import Supervision

@Suite("Requests of operators")
struct ControlQueueTests {
    /// Answers in the order in which they came.
    final class Answers: Sendable {
        private let all = Mutex<[ControlAnswer]>([])
        var list: [ControlAnswer] { all.withLock { $0 } }
        func reply(_ answer: ControlAnswer) { all.withLock { $0.append(answer) } }
    }

    let start = Instant(nanoseconds: 1_000_000_000)
    let answers = Answers()
    var record: ClusterRecord

    init() {
        record = ClusterRecord(cluster: "c", durationMilliseconds: 6000)
        record.term = 3
        record.members["pg-1"] = Member(
            name: "pg-1", incarnation: Incarnation(name: "pg-1", podUID: "u", bootID: "b"), api: "", postgresHost: "",
            postgresPort: 1)
    }

    func view(_ record: ClusterRecord) -> ControlView {
        ControlView(record: record, members: [:], maximumLag: 0, wallClock: 0)
    }

    func add(_ request: ControlRequest, to queue: inout ControlQueue) {
        queue.add(request, at: start) { [answers] in answers.reply($0) }
    }

    /// A macro takes no mutating call.
    func expectNothing(_ next: ClusterRecord?) { #expect(next == nil) }

    @Test("one is accepted once its write has succeeded, and not before")
    func accepted() throws {
        var queue = ControlQueue()
        add(.pause, to: &queue)
        let nextTry = queue.next(view(record), term: 3)
        let next = try #require(nextTry)
        #expect(next.intent.paused)
        #expect(answers.list == [])
        // Nothing else is sent meanwhile.
        expectNothing(queue.next(view(record), term: 3))
        queue.written(record)
        #expect(answers.list == [])
        queue.written(next)
        guard case .accepted(let id) = try #require(answers.list.first) else { throw Unexpected() }
        #expect(id.hasPrefix("pause-3-"))
        #expect(queue.isEmpty)
    }

    @Test("after a conflict it is judged anew by what was read, under the same id")
    func conflict() throws {
        var queue = ControlQueue()
        add(.pause, to: &queue)
        let firstTry = queue.next(view(record), term: 3)
        let first = try #require(firstTry)
        queue.failed(first, .conflict)
        // Before it was read, nobody knows what to change.
        expectNothing(queue.next(view(record), term: 3))
        queue.wasRead()
        var changed = record
        changed.renewal = "another"
        let secondTry = queue.next(view(changed), term: 3)
        let second = try #require(secondTry)
        #expect(second.renewal == "another")
        #expect(second.intent.paused)
        queue.written(second)
        #expect(answers.list.count == 1)
    }

    @Test("a write whose answer was lost, and that was applied, is accepted")
    func lostAnswer() throws {
        var queue = ControlQueue()
        add(.pause, to: &queue)
        let firstTry = queue.next(view(record), term: 3)
        let first = try #require(firstTry)
        queue.failed(first, .unavailable("no answer"))
        queue.wasRead()
        expectNothing(queue.next(view(first), term: 3))
        guard case .accepted = try #require(answers.list.first) else { throw Unexpected() }
    }

    @Test("conflicts without end are given up")
    func endless() throws {
        var queue = ControlQueue()
        add(.pause, to: &queue)
        for _ in 0..<ControlQueue.attempts {
            let next = queue.next(view(record), term: 3)
            queue.failed(try #require(next), .conflict)
            queue.wasRead()
        }
        expectNothing(queue.next(view(record), term: 3))
        guard case .unavailable = try #require(answers.list.first) else { throw Unexpected() }
    }

    @Test("what waits for too long is answered, and more than the queue holds are refused at once")
    func bounded() throws {
        var queue = ControlQueue()
        for _ in 0...ControlQueue.capacity { add(.resume, to: &queue) }
        #expect(answers.list.count == 1)
        queue.expire(at: start + ControlQueue.patience - .milliseconds(1))
        #expect(answers.list.count == 1)
        queue.expire(at: start + ControlQueue.patience)
        #expect(answers.list.count == ControlQueue.capacity + 1)
        #expect(queue.isEmpty)
    }

    @Test("without a record nothing can be asked for; what needs no write is answered at once")
    func withoutWrite() {
        var queue = ControlQueue()
        add(.pause, to: &queue)
        add(.resume, to: &queue)
        expectNothing(queue.next(nil, term: 0))
        #expect(answers.list.count == 2)
        add(.resume, to: &queue)
        expectNothing(queue.next(view(record), term: 3))
        #expect(answers.list.last == .done("the cluster is not paused"))
    }
}

struct Unexpected: Error {}
