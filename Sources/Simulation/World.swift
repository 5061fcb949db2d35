import ClusterModel
import Leadership

/// Members, a store, a network and clients around the very `decide` and `answer` that ship, in simulated time.
///
/// One world is used by one thread. The same seed and settings give the same run, event by event.
package final class World {
    let settings: WorldSettings
    var random: SplitMix
    /// Nanoseconds of true time; no member knows it.
    var now: Int64 = 0
    var queue = EventQueue()
    var members: [SimulatedMember]
    var wal = WAL()
    var store = Store()
    var network: Network
    var weather = Weather()
    var faults: [Fault?] = []
    /// No more faults from here on.
    var isCalm = false
    var nextFaultAt: Int64 = 0

    var connections = 0
    var switchovers = 0
    /// When the record last got a new stamp.
    var renewedAt: Int64 = 0
    /// Whose lease was taken last without having been released, by whom.
    var replaced: (member: Int, holder: Incarnation, term: UInt64, by: MemberName)?

    // What the invariants compare with.
    /// Who made which timeline of which cluster.
    var timelines: [TimelineKey: Int] = [:]
    var latestOpening: (member: Int, term: UInt64, place: WAL.Position)?
    var lastAcknowledged: (opening: Int, term: UInt64, member: Int)?
    var openedSystem: UInt64?
    /// The store went back to a record of another term, timeline or set of voters, or lost it: what only the record
    /// knew is gone, so loss and the reuse of a timeline's number are counted instead of forbidden.
    var isTainted = false
    /// A number was reused for that reason: only a person can tell the two histories apart.
    var isForked = false
    var releasedAt: Int64 = 0
    var releasedCleanly = false
    /// The lease was handed over to a successor.
    var mustNotLose = false
    /// An operator said that loss is accepted.
    var forcedUntil: Int64 = 0

    package internal(set) var violations: [String] = []
    package internal(set) var trace: [String] = []
    package internal(set) var counts = Counts()

    struct TimelineKey: Hashable {
        var system: UInt64
        var timeline: UInt32
    }

    package init(_ settings: WorldSettings) {
        self.settings = settings
        var random = SplitMix(seed: settings.seed)
        var leadership = LeadershipSettings(
            synchronousMode: settings.mode, synchronousCount: min(settings.required, max(1, settings.members - 1)),
            bootstrapPatience: .seconds(20))
        settings.adjust(&leadership)
        let rate = Int(settings.clockError)
        members = (0..<settings.members).map { index in
            SimulatedMember(
                index: index, clockBase: random.between(1000, 900_000) * 1_000_000_000,
                clockRate: rate == 0 ? 0 : random.between(Int64(-rate), Int64(rate)), settings: leadership)
        }
        for member in members { member.observation.me.traits = settings.traits[member.index] ?? MemberTraits() }
        network = Network(members: settings.members)
        self.random = random
        weather = Weather()
    }

    // MARK: Time

    func schedule(_ event: Event, after delay: Int64) {
        queue.push(at: now + delay, member: -1, run: 0, event)
    }

    /// Void when the member's PID 1 is another by then.
    func schedule(_ event: Event, for member: Int, after delay: Int64) {
        queue.push(at: now + delay, member: member, run: members[member].run, event)
    }

    /// Starts every member within two seconds; faults begin later.
    package func boot() {
        for index in members.indices.suffix(settings.latecomers) { members[index].removed = true }
        for index in members.indices.dropLast(settings.latecomers) {
            schedule(.starts(index), after: random.between(0, Int64(2).seconds))
        }
        guard !settings.faults.isEmpty || settings.provocation != nil else { return }
        schedule(.injects, after: random.between(Int64(8).seconds, Int64(20).seconds))
        schedule(.heals, after: settings.minutes * Int64(60).seconds - settings.calm)
    }

    /// Runs a whole schedule.
    package func runAll() {
        boot()
        run(seconds: Double(settings.minutes * 60))
        finish()
    }

    package func run(seconds: Double) { run(until: now + Int64(seconds * 1e9)) }

    func run(until end: Int64) {
        var spins = 0
        while violations.isEmpty, let next = queue.pop(until: end) {
            spins = next.at > now ? 0 : spins + 1
            guard spins < 20_000 else { return violate("time stands still") }
            now = max(now, next.at)
            if next.member >= 0 {
                let member = members[Int(next.member)]
                guard member.alive, member.run == Int(next.run) else { continue }
            }
            counts.events += 1
            handle(next.event)
        }
        if violations.isEmpty { now = max(now, end) }
    }

    /// Runs until `isDone` holds, looked at every 50 ms. False when it did not come to that.
    package func run(seconds: Double, until isDone: (World) -> Bool) -> Bool {
        let end = now + Int64(seconds * 1e9)
        while now < end, violations.isEmpty {
            if isDone(self) { return true }
            run(until: min(end, now + Int64(50).milliseconds))
        }
        return isDone(self)
    }

    // MARK: Words

    func violate(_ text: @autoclosure () -> String) {
        let words = "\(Self.words(now)) VIOLATION: \(text())"
        violations.append(words)
        if settings.keepsTrace { trace.append(words) }
    }

    func note(_ index: Int, _ text: @autoclosure () -> String) {
        guard settings.keepsTrace else { return }
        trace.append("\(Self.words(now)) pg-\(index + 1): \(text())")
    }

    func note(_ text: @autoclosure () -> String) {
        guard settings.keepsTrace else { return }
        trace.append("\(Self.words(now)) \(text())")
    }

    static func words(_ moment: Int64) -> String {
        let milliseconds = moment / 1_000_000
        let rest = String(milliseconds % 1000)
        return "\(milliseconds / 1000).\(String(repeating: "0", count: 3 - rest.count))\(rest)"
    }
}
