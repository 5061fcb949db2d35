import ClusterModel
import Dispatch
import Synchronization

/// Many schedules, on several threads.
package struct Campaign: Sendable {
    package struct Failure: Sendable {
        package var seed: UInt64
        package var violation: String
    }

    package private(set) var counts = Counts()
    package private(set) var done = 0
    /// By seed.
    package private(set) var failures: [Failure] = []

    /// Runs the schedules of all seeds; stops after the first that fails unless `keepsGoing`.
    package static func run(
        _ seeds: Range<UInt64>, jobs: Int = 1, keepsGoing: Bool = false,
        settings: @Sendable (UInt64) -> WorldSettings
    ) -> Campaign {
        let state = Mutex(Campaign())
        DispatchQueue.concurrentPerform(iterations: jobs) { job in
            var own = Campaign()
            var seed = seeds.lowerBound + UInt64(job)
            while seed < seeds.upperBound, keepsGoing || state.withLock({ $0.failures.isEmpty }) {
                let world = World(settings(seed))
                world.runAll()
                own.counts += world.counts
                own.done += 1
                if let first = world.violations.first {
                    state.withLock { $0.failures.append(Failure(seed: seed, violation: first)) }
                }
                seed += UInt64(jobs)
            }
            state.withLock { [own] in
                $0.counts += own.counts
                $0.done += own.done
            }
        }
        var result = state.withLock { $0 }
        result.failures.sort { $0.seed < $1.seed }
        return result
    }

    /// Everything that happened in one schedule, in words; the last lines only when `lines` is given.
    package static func replay(_ settings: WorldSettings, lines: Int? = nil) -> String {
        var settings = settings
        settings.keepsTrace = true
        let world = World(settings)
        world.runAll()
        let head =
            "seed \(settings.seed): \(settings.members) members, mode \(settings.mode.rawValue), "
            + "\(settings.required) required; times in seconds"
        return ([head] + world.trace.suffix(lines ?? world.trace.count)).joined(separator: "\n")
    }
}
