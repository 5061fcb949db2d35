import ClusterModel
import Leadership
import Simulation
import Testing

@Suite("Simulated mutations", .serialized)
struct MutationTests {
    /// How many schedules may pass before the absence of a guard shows.
    static let bound: UInt64 = 400

    /// No schedule has been found yet in which one of these matters by itself (docs/simulation.md).
    static let notCaughtYet: Set<Guard> = [
        .noConsentAfterVote, .bootedVoterWaits, .streamAfterRenewal, .synchronousOnly, .noOpeningAfterRelease,
        .rolledBackIsNotFree, .electorateOnly, .promiseKept,
    ]

    @Test(
        "without this guard of the decision something breaks, and with it nothing does",
        arguments: Guard.allCases.filter { !notCaughtYet.contains($0) })
    func isCaught(_ removed: Guard) {
        let weather = Mutation.provoking(removed)
        let mutated = Campaign.run(0..<Self.bound, jobs: 2) { weather.settings(seed: $0, without: removed) }
        guard let first = mutated.failures.first else {
            Issue.record("\(removed) can be left out: \(mutated.done) schedules went well")
            return
        }
        let whole = Campaign.run(0..<first.seed + 1, jobs: 2) { weather.settings(seed: $0, without: nil) }
        if let failure = whole.failures.first {
            Issue.record("\(Campaign.replay(weather.settings(seed: failure.seed, without: nil), lines: 60))")
        }
    }
}
