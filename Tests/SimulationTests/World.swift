import ClusterModel

@testable import Leadership

/// Members, a store and a network around the very `decide` that ships, in simulated time.
struct World {
    enum Event {
        case wake(Int)
        case storeApplies(Int, StoreWrite, sentAt: Instant)
        case storeReplies(Int, StoreWrite, version: String?, sentAt: Instant)
        case reads(Int)
        case finishes(Int, Operation)
        case reports(Int)
        case replicates(Int)
        case guardChecks(Int)
        case starts(Int)
        case crashes(Int)
        case postgresDies(Int)
    }

    struct Scheduled {
        var at: Instant
        var order: UInt64
        var member: Int
        var run: Int
        var event: Event
    }

    var random: SplitMix
    var now = Instant(nanoseconds: 1_000_000_000_000)
    var members: [SimulatedMember]
    var record: ClusterRecord?
    var version = 0
    var queue = EventQueue()
    var initializations = 0
    var clones = 0
    /// Who created which timeline, at which position: a second creator is a fork under one name.
    var timelines: [TimelineID: String] = [:]
    var violations: [String] = []
    var trace: [String] = []
    let keepsTrace: Bool

    init(seed: UInt64, members count: Int, keepsTrace: Bool = false) {
        random = SplitMix(seed: seed)
        members = (1...count).map { SimulatedMember(name: MemberName("pg-\($0)")) }
        self.keepsTrace = keepsTrace
    }

    mutating func schedule(_ event: Event, for member: Int, after delay: Duration) {
        queue.push(at: now + delay, member: member, run: members[member].run, event: event)
    }

    mutating func note(_ index: Int, _ text: @autoclosure () -> String) {
        guard keepsTrace else { return }
        trace.append("\(now) \(members[index].name): \(text())")
    }

    /// Runs until `end` or until `isDone` holds after an event.
    mutating func run(until end: Instant, isDone: (World) -> Bool = { _ in false }) {
        var spins = 0
        while let next = queue.pop(before: end) {
            spins = next.at > now ? 0 : spins + 1
            guard spins < 10_000 else {
                violations.append("\(now): time stands still")
                return
            }
            now = max(now, next.at)
            let survives = if case .starts = next.event { true } else { false }
            guard survives || (members[next.member].alive && members[next.member].run == next.run) else { continue }
            handle(next.event)
            checkInvariants()
            // Health changes when WAL moves; asking after every event would cost more than all the rest.
            if case .replicates = next.event, isDone(self) { return }
        }
        now = max(now, end)
    }

    private mutating func checkInvariants() {
        var writer: Int?
        var cluster: SystemIdentifier?
        for index in members.indices {
            if members[index].acknowledges(at: now) {
                if let writer {
                    violations.append(
                        "\(now): \(members[writer].name) and \(members[index].name) acknowledge writes at once")
                }
                writer = index
            }
            // Term 0 is a directory that nobody ever wrote to.
            guard let data = members[index].disk?.data, data.term > 0 else { continue }
            if let cluster, cluster != data.systemIdentifier { violations.append("\(now): two clusters are open") }
            cluster = data.systemIdentifier
        }
    }

    /// One primary that acknowledges, everybody else streams from it on its timeline.
    var isHealthy: Bool {
        let writers = members.filter { $0.acknowledges(at: now) }
        guard writers.count == 1, let timeline = writers[0].disk?.data.timeline else { return false }
        return members.allSatisfy { member in
            guard member.name != writers[0].name else { return true }
            guard member.alive, case .running(let running) = member.observation.local.process else { return false }
            return running.inRecovery && running.streaming && running.timeline == timeline
        }
    }
}

/// Events in the order of their time, then of their arrival.
struct EventQueue {
    private var events: [World.Scheduled] = []
    private var count: UInt64 = 0

    mutating func push(at moment: Instant, member: Int, run: Int, event: World.Event) {
        count += 1
        let item = World.Scheduled(at: moment, order: count, member: member, run: run, event: event)
        var low = 0
        var high = events.count
        // Latest first, so that the next event is taken from the end.
        while low < high {
            let middle = (low + high) / 2
            let other = events[middle]
            if (other.at, other.order) > (item.at, item.order) { low = middle + 1 } else { high = middle }
        }
        events.insert(item, at: low)
    }

    mutating func pop(before end: Instant) -> World.Scheduled? {
        guard let last = events.last, last.at <= end else { return nil }
        return events.removeLast()
    }
}
