import ClusterModel
import Leadership

/// For schedules that are written by hand.
extension World {
    /// A healthy cluster without faults.
    package static func healthy(
        _ mode: SynchronousMode, members: Int = 3, required: Int = 1, seed: UInt64 = 1, keepsTrace: Bool = true
    ) -> World {
        var settings = WorldSettings(seed: seed, members: members, mode: mode, required: required)
        settings.keepsTrace = keepsTrace
        let world = World(settings)
        world.boot()
        if !world.run(seconds: 60, until: \.isHealthy) { world.violate("never healthy: \(world.description)") }
        // The first seconds after a boot have rules of their own.
        world.run(seconds: 15)
        return world
    }

    /// What led to this, for a test that fails.
    package var story: String { (trace.suffix(50) + [description]).joined(separator: "\n") }

    /// Seconds of true time.
    package var seconds: Double { Double(now) / 1e9 }

    /// The member that is open for writes.
    package var primary: Int? { members.firstIndex(where: \.writes) }

    package func acknowledgedSecondsAgo(_ member: Int) -> Double { Double(now - members[member].acknowledgedAt) / 1e9 }

    package func isServing(_ member: Int) -> Bool {
        members[member].writes && acknowledgedSecondsAgo(member) < 1
    }

    /// Somebody other than `member` acknowledges commits.
    package func isServedByAnother(than member: Int) -> Bool {
        members.indices.contains {
            $0 != member && isServing($0) && members[$0].acknowledgedAt > now - Int64(1).seconds
        }
    }

    package func isServerUp(_ member: Int) -> Bool { members[member].server != nil }

    package func inject(_ kind: FaultKind, at member: Int, other: Int? = nil, seconds: Double) {
        begin(kind, member: member, other: other, lasting: Int64(seconds * 1e9))
    }

    /// The pod is gone and does not come back by itself.
    package func lose(_ member: Int) { crash(members[member], "lost") }

    package func bringBack(_ member: Int) { start(members[member]) }

    package func pause(_ paused: Bool) { operate(OperatorCall(.pause(paused))) }

    package func requestSwitchover(to target: Int?) {
        operate(OperatorCall(.switchover(to: target, force: false, afterMilliseconds: nil)))
    }
}
