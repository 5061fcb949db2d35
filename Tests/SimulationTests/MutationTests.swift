import ClusterModel
import Leadership
import Simulation
import Testing

@Suite("Simulated mutations", .serialized)
struct MutationTests {
    /// How many schedules may pass before the absence of a guard shows.
    static let bound: UInt64 = 400
    /// How many must go well with it.
    static let enough: UInt64 = 12

    /// A simulated world has one cluster. What holds between two is tested by LeadershipTests ("A cluster that follows
    /// another one"), which has for each of these a case that goes wrong without it.
    static let ofTwoClusters: Set<Guard> = [.followerStaysStandby, .tokenAfterStop, .tokenReplayed, .tokenIsNewest]

    @Test(
        "without this guard of the decision something breaks, and with it nothing does",
        arguments: Guard.allCases.filter { !ofTwoClusters.contains($0) })
    func isCaught(_ removed: Guard) {
        let weather = Mutation.provoking(removed)
        let mutated = Campaign.run(0..<Self.bound, jobs: 2) {
            weather.settings(seed: $0, without: [removed] + weather.coveredBy)
        }
        guard let first = mutated.failures.first else {
            Issue.record("\(removed) can be left out: \(mutated.done) schedules went well")
            return
        }
        // With all guards, and without those that cover this one: it is this one that matters.
        for others in weather.coveredBy.isEmpty ? [[]] : [[], weather.coveredBy] {
            let whole = Campaign.run(0..<max(first.seed + 1, Self.enough), jobs: 2) {
                weather.settings(seed: $0, without: others)
            }
            if let failure = whole.failures.first {
                Issue.record("\(Campaign.replay(weather.settings(seed: failure.seed, without: others), lines: 60))")
            }
        }
    }

    @Test("only one guard is covered by another: the argument says by which")
    func covered() {
        #expect(Guard.allCases.filter { !Mutation.provoking($0).coveredBy.isEmpty } == [.synchronousOnly])
    }
}
