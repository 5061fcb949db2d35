import ArgumentParser
import ClusterModel
import Leadership
import Simulation

@main
struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pgmahout-simulate",
        abstract: "Run the decision that ships against thousands of schedules of faults, in simulated time.",
        discussion: "Ends with status 1 when an invariant was violated, and prints the first seed with its trace.")

    @Option(help: "How many schedules.") var seeds: Int = 1000
    @Option(help: "The first seed.") var from: UInt64 = 0
    @Option(help: "Only this seed.") var seed: UInt64?
    @Option(help: "Members; default: 3 to 5, by seed.") var members: Int?
    @Option(help: "off, preferred, quorum or strict; default: by seed.") var mode: SynchronousMode?
    @Option(help: "Simulated minutes of each schedule.") var minutes: Int64 = 10
    @Option(help: "Leave this guard of the decision out (and what covers it): the violation must be found.")
    var without: Guard?
    @Flag(help: "With --without: the same schedules, and the guard left in.") var keepGuard = false
    @Flag(help: "With --without: only what covers that guard is left out.") var onlyCover = false
    @Option(help: "Only these kinds of fault (comma-separated).") var faults: String?
    @Option(help: "Threads.") var jobs: Int = 1
    @Option(help: "Lines of the trace of a failing seed.") var lines: Int = 80
    @Flag(help: "Print everything that happens (with --seed).") var trace = false
    @Flag(help: "Go on after a violation, and list all failing seeds.") var keepGoing = false

    func validate() throws {
        guard seeds > 0, jobs > 0, minutes > 1 else {
            throw ValidationError("--seeds and --jobs must be at least 1, --minutes at least 2")
        }
        if let members, !(1...7).contains(members) { throw ValidationError("--members must be 1 to 7") }
        for name in faults?.split(separator: ",") ?? [] where FaultKind(rawValue: String(name)) == nil {
            let known = FaultKind.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--faults: there is no kind '\(name)'; there are \(known)")
        }
    }

    func run() throws {
        let first = seed ?? from
        let count = seed == nil ? seeds : 1
        let started = ContinuousClock.now
        let campaign = Campaign.run(first..<first + UInt64(count), jobs: jobs, keepsGoing: keepGoing) { settings($0) }
        report(campaign, ContinuousClock.now - started)
        for failure in campaign.failures { print("seed \(failure.seed): \(failure.violation)") }
        if let worst = campaign.failures.first {
            print(Campaign.replay(settings(worst.seed), lines: trace ? nil : lines))
            throw ExitCode.failure
        }
        if trace { print(Campaign.replay(settings(first))) }
    }

    private func settings(_ seed: UInt64) -> WorldSettings {
        // The weather in which that guard matters, unless another is asked for.
        if let without, faults == nil, mode == nil, members == nil {
            let weather = Mutation.provoking(without)
            let removed = keepGuard ? [] : onlyCover ? weather.coveredBy : [without] + weather.coveredBy
            return weather.settings(seed: seed, without: removed)
        }
        let only = faults?.split(separator: ",").compactMap { FaultKind(rawValue: String($0)) }
        var made = WorldSettings.mix(seed: seed, members: members, mode: mode, only: only ?? FaultKind.allCases)
        made.minutes = minutes
        made.without = keepGuard ? [] : without.map { [$0] } ?? []
        return made
    }

    private func report(_ campaign: Campaign, _ elapsed: Duration) {
        let seconds = elapsed.inSeconds
        let counts = campaign.counts
        print(
            """
            \(campaign.done) schedules of \(minutes) simulated minutes in \(rounded(seconds)) s: \
            \(rounded(Double(campaign.done) / seconds)) a second, \(campaign.failures.count) violations
            \(counts.events) events, \(counts.decisions) decisions, \(counts.commits) commits, \
            \(counts.acknowledged) acknowledged, \(counts.losses) losses (\(counts.lostBytes) bytes)
            \(counts.openings) openings, \(counts.promotions) promotions (\(counts.quorumTakeOvers) by votes before the \
            lease ran out), \(counts.fences) fences, \(counts.guardKills) kills by the guard, \(counts.consents) consents, \
            \(counts.rewinds) rewinds, \(counts.clones) clones, \(counts.leftToPeople) left to people
            """)
        let injected = counts.faults.sorted { $0.key.rawValue < $1.key.rawValue }
        print("faults: " + injected.map { "\($0.key.rawValue) \($0.value)" }.joined(separator: ", "))
    }

    private func rounded(_ value: Double) -> String { String(Double(Int(value * 10)) / 10) }
}

extension SynchronousMode: ExpressibleByArgument {}
extension Guard: ExpressibleByArgument {}
