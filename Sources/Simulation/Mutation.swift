import ClusterModel
import Leadership

/// For every guard the kind of weather in which its absence shows.
package struct Mutation: Sendable {
    package var mode: SynchronousMode
    package var members: Int
    package var required: Int
    package var faults: [FaultKind: Int]
    /// Seconds between two faults, at most.
    package var gap: Int64
    package var latecomers: Int
    package var clockError: Int64 = 0
    package var adjust: @Sendable (inout LeadershipSettings) -> Void = { _ in }

    init(
        _ mode: SynchronousMode, members: Int = 3, required: Int = 1, gap: Int64 = 8, latecomers: Int = 0,
        _ faults: [FaultKind: Int]
    ) {
        self.mode = mode
        self.members = members
        self.required = required
        self.faults = faults
        self.gap = gap
        self.latecomers = latecomers
    }

    package func settings(seed: UInt64, without removed: Guard?) -> WorldSettings {
        var settings = WorldSettings(seed: seed, members: members, mode: mode, required: required)
        settings.faults = faults
        settings.faultGap = gap * 1_000_000_000
        settings.latecomers = latecomers
        settings.clockError = clockError
        settings.adjust = adjust
        settings.without = removed
        return settings
    }

    package static func provoking(_ removed: Guard) -> Mutation {
        switch removed {
        case .challengerWaits: Mutation(.off, [.podFrozen: 1, .storeSlow: 1])
        case .holderGivesUp: Mutation(.off, [.podCutOff: 2, .storeCut: 1, .memberIsolated: 1])
        case .successorOnly: Mutation(.off, [.switchover: 3, .replicationLag: 2, .storeSlow: 1, .watchGaps: 1])
        case .noOpeningAfterRelease:
            Mutation(.off, [.switchover: 3, .repliesLost: 3, .storeAnswersCut: 1, .slowShutdown: 1])
        case .confirmedHandover: Mutation(.off, [.switchover: 3, .replicationLag: 3, .linkCut: 1])
        case .rolledBackIsNotFree: Mutation(.off, [.storeRollback: 4, .switchover: 3])
        case .electorateOnly: Mutation(.off, members: 4, latecomers: 2, [.joining: 3, .storeCut: 5, .removal: 2])
        case .promiseKept: Mutation(.off, [.storeCut: 4, .storeRequestsCut: 2])
        case .consentOfAll: Mutation(.off, [.storeCut: 4, .linkCut: 3, .linkCutOneWay: 2])
        case .noConsentAfterVote:
            Mutation(.off, gap: 4, [.storeCut: 3, .managerFrozen: 3, .storeSlow: 3, .messageDelay: 2, .linkCut: 1])
        case .bootedVoterWaits:
            Mutation(.quorum, gap: 3, [.storeCut: 5, .podCrash: 4, .managerFrozen: 4, .frozenBetween: 1])
        case .voteAfterDetach:
            Mutation(.quorum, [.slowDetach: 3, .storeCut: 2, .linkCut: 4, .linkCutOneWay: 2, .managerFrozen: 2])
        case .noStreamWhileVoted:
            // The holder's PID 1 is silent, its server streams on, and the winner's claim takes its time.
            Mutation(.quorum, gap: 4, [.managerFrozen: 5, .storeSlow: 5, .replicationLag: 1])
        case .streamAfterRenewal:
            Mutation(.quorum, gap: 3, [.managerFrozen: 5, .storeSlow: 5, .podCrash: 4])
        case .voteForThisRenewal, .votesEnough, .bestGoesFirst:
            Mutation(
                .quorum,
                [.managerFrozen: 3, .linkCut: 2, .memberIsolated: 2, .replicationLag: 3, .podCrash: 1, .storeCut: 1])
        case .synchronousOnly:
            Mutation(
                .quorum, members: 5, gap: 4, [.managerFrozen: 3, .linkCut: 4, .memberIsolated: 3, .replicationLag: 3])
        case .narrowAfterFlush:
            Mutation(
                .quorum, members: 4,
                [
                    .linkCut: 1, .memberIsolated: 1, .podCrash: 1, .replicationLag: 1, .slowDisk: 1, .removal: 1,
                    .joining: 1, .fence: 1,
                ])
        case .overlap, .votesAtClaim, .synchronousAtOpening:
            Mutation(.quorum, members: 4, [.linkCut: 2, .podCrash: 3, .replicationLag: 3, .managerFrozen: 3])
        case .clientsWait: Mutation(.strict, [.postgresKilled: 3, .linkCut: 2, .replicationLag: 2])
        case .newTimeline: Mutation(.off, [.podCrash: 3, .slowPromotion: 3, .podFrozen: 2])
        case .halfRewound: Mutation(.off, [.podCrash: 3, .managerFrozen: 2, .failingTools: 2])
        case .formerPrimary: Mutation(.off, [.podCrash: 3, .managerFrozen: 2, .podTerminated: 2, .replicationLag: 3])
        }
    }
}
