import ClusterModel
import Leadership

/// One schedule: everything that decides it.
package struct WorldSettings {
    package var seed: UInt64
    package var members: Int
    package var mode: SynchronousMode
    /// Standbys that must have flushed a commit.
    package var required: Int
    package var minutes: Int64 = 10
    /// At the end, without faults: everybody must be back within that.
    package var calm: Int64 = Int64(90).seconds
    /// Kinds of fault that occur, with their weights; empty: none.
    package var faults: [FaultKind: Int] = [:]
    /// Nanoseconds between the beginnings of two faults, at most.
    var faultGap: Int64 = Int64(15).seconds
    /// Parts per million.
    package var clockError: Int64 = 0
    /// By the index of the member.
    package var traits: [Int: MemberTraits] = [:]
    /// Members that are not there from the beginning.
    package var latecomers = 0
    package var keepsTrace = false
    /// How long the lease thread waits for the store, nanoseconds.
    var storeTimeout: Int64 = Int64(1).seconds
    /// Whether any write of a holder that succeeds counts as a renewal, also one with an old stamp.
    package var countsEveryWrite = false
    /// Guards of the decision that are left out.
    package var without: [Guard] = []
    /// Faults in an order that is drawn only within bounds, instead of any; begun anew whenever the cluster is whole.
    package var provocation: Provocation?
    package var adjust: (inout LeadershipSettings) -> Void = { _ in }

    package init(seed: UInt64, members: Int = 3, mode: SynchronousMode = .quorum, required: Int = 1) {
        self.seed = seed
        self.members = members
        self.mode = mode
        self.required = required
    }

    /// A random mix, drawn from the seed: rare combinations come up because every seed leaves some kinds out.
    package static func mix(
        seed: UInt64, members: Int? = nil, mode: SynchronousMode? = nil, only: [FaultKind] = FaultKind.allCases
    ) -> WorldSettings {
        var random = SplitMix(seed: seed ^ 0x5EED_0F_517)
        let count = members ?? (random.chance(70) ? 3 : random.chance(50) ? 4 : 5)
        let modes: [SynchronousMode] = [.off, .preferred, .quorum, .quorum, .strict, .strict]
        let drawn = modes[random.below(modes.count)]
        var made = WorldSettings(
            seed: seed, members: count, mode: mode ?? drawn, required: count > 3 && random.chance(40) ? 2 : 1)
        let share = [25.0, 45, 80][random.below(3)]
        for kind in only where random.chance(share) { made.faults[kind] = 1 + random.below(4) }
        if made.faults.isEmpty, let one = random.element(only) { made.faults[one] = 1 }
        made.faultGap = Int64([4, 8, 20, 45][random.below(4)]).seconds
        made.clockError = [0, 1000, 10_000, 50_000][random.below(4)]
        for index in 0..<count { made.traits[index] = someTraits(index, of: count, &random) }
        if random.chance(20) { made.adjust = { $0.quorumTakeOverAfter = nil } }
        return made
    }

    /// At most one member that is left out of something: the others can always lead.
    private static func someTraits(_ index: Int, of count: Int, _ random: inout SplitMix) -> MemberTraits {
        var traits = MemberTraits(failoverPriority: random.chance(30) ? 1 + random.below(3) : 1)
        if random.chance(30) { traits.zone = ["a", "b"][random.below(2)] }
        guard index == count - 1, count > 2 else { return traits }
        switch random.below(10) {
        case 0: traits.noFailover = true
        case 1: traits.noSync = true
        case 2 where count > 3: traits.replicateFrom = MemberName("pg-\(1 + random.below(count - 1))")
        default: break
        }
        return traits
    }
}

/// What happened, in numbers: a run in which nothing was injected proves nothing.
package struct Counts {
    package var events = 0
    package var decisions = 0
    package var commits = 0
    package var acknowledged = 0
    package var openings = 0
    package var promotions = 0
    package var clones = 0
    package var rewinds = 0
    package var fences = 0
    package var guardKills = 0
    /// By votes alone, before the lease ran out.
    package var quorumTakeOvers = 0
    package var consents = 0
    /// Commits that were acknowledged and are gone: allowed in `off` and `preferred` only.
    package var lostBytes: UInt64 = 0
    package var losses = 0
    /// Lossless clusters that stand still in safety after the store lost or went back in its record.
    package var leftToPeople = 0
    package var faults: [FaultKind: Int] = [:]

    package init() {}

    package static func += (left: inout Counts, right: Counts) {
        left.events += right.events
        left.decisions += right.decisions
        left.commits += right.commits
        left.acknowledged += right.acknowledged
        left.openings += right.openings
        left.promotions += right.promotions
        left.clones += right.clones
        left.rewinds += right.rewinds
        left.fences += right.fences
        left.guardKills += right.guardKills
        left.quorumTakeOvers += right.quorumTakeOvers
        left.consents += right.consents
        left.lostBytes += right.lostBytes
        left.losses += right.losses
        left.leftToPeople += right.leftToPeople
        left.faults.merge(right.faults, uniquingKeysWith: +)
    }
}
