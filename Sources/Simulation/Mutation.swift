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
    /// At most one that is left out of something.
    var traits: [Int: MemberTraits] = [:]
    var provocation: Provocation?
    /// Guards that cover it under everything that can happen (docs/leadership.md): left out with it, and alone harmless in
    /// this weather.
    package var coveredBy: [Guard] = []
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

    init(
        _ mode: SynchronousMode, members: Int = 3, latecomers: Int = 0, provoked steps: [Provocation.Step]
    ) {
        self.init(mode, members: members, latecomers: latecomers, [:])
        provocation = Provocation(steps)
    }

    package func settings(seed: UInt64, without removed: [Guard]) -> WorldSettings {
        var settings = WorldSettings(seed: seed, members: members, mode: mode, required: required)
        settings.faults = faults
        settings.faultGap = gap * 1_000_000_000
        settings.latecomers = latecomers
        settings.clockError = clockError
        settings.adjust = adjust
        settings.without = removed
        settings.traits = traits
        settings.provocation = provocation
        return settings
    }

    /// One member is never counted, lags behind the one that is, and does not make the cluster.
    private static var leftOut: Mutation {
        var weather = Mutation(
            .quorum, latecomers: 1,
            provoked: [
                .init(.seconds(0, 0), .joining, .third),
                .init(.seconds(4, 10), .replicationLag, .primary, lasting: .seconds(4, 6)),
                .init(.seconds(0.5, 3), .podCrash, .primary),
            ])
        weather.traits[2] = MemberTraits(noSync: true)
        weather.coveredBy = [.bestGoesFirst]
        return weather
    }

    package static func provoking(_ removed: Guard) -> Mutation {
        switch removed {
        case .challengerWaits: Mutation(.off, [.podFrozen: 1, .storeSlow: 1])
        case .holderGivesUp: Mutation(.off, [.podCutOff: 2, .storeCut: 1, .memberIsolated: 1])
        case .successorOnly:
            // Handed over to one whose claim takes its time, while another lacks what this one has.
            Mutation(
                .off,
                provoked: [
                    .init(.seconds(0, 0), .linkCut, .primary, with: .third, lasting: .seconds(4, 8)),
                    .init(.seconds(0.5, 2), .switchover, .primary, with: .other),
                    .init(.seconds(0, 0.5), .storeWritesSlow, .primary, lasting: .seconds(6, 9)),
                ])
        case .noOpeningAfterRelease:
            // The target confirms late, the release is applied, its answer is lost, and the bound of the hand-over passes.
            Mutation(
                .off,
                provoked: [
                    .init(.seconds(0, 0), .switchover, .primary, with: .other),
                    .init(.seconds(0, 0.2), .managerFrozen, .other, lasting: .seconds(2, 5)),
                    .init(.seconds(0.5, 3), .storeAnswersCut, .primary, lasting: .seconds(5, 7)),
                ])
        case .confirmedHandover: Mutation(.off, [.switchover: 3, .replicationLag: 3, .linkCut: 1])
        case .rolledBackIsNotFree:
            // Back to when the lease was free for a member that has led since and forgotten that it was replaced.
            Mutation(
                .off, members: 2,
                provoked: [
                    .init(.seconds(0, 0), .switchover, .primary, with: .other),
                    .init(.seconds(7, 9), .switchover, .other, with: .primary),
                    .init(.seconds(7, 9), .podCutOff, .primary, lasting: .seconds(8, 10)),
                    .init(.seconds(0, 0), .quickRestart, .other),
                    .init(.seconds(0, 0.01), .storeBackToRelease, .other),
                ])
        case .electorateOnly:
            // One that was removed comes back while the primary, which goes on by consent, can hear nothing of it.
            Mutation(
                .off,
                provoked: [
                    .init(.seconds(0, 0), .removal, .primary, with: .other),
                    .init(.seconds(6, 9), .storeCut, .primary, lasting: .seconds(14, 20)),
                    .init(.seconds(0, 0), .linkCut, .primary, with: .other, lasting: .seconds(14, 20)),
                    .init(.seconds(0.1, 1), .joining, .other),
                ])
        case .promiseKept:
            // It has consented, and hears no longer that the primary leads.
            Mutation(
                .off,
                provoked: [
                    .init(.seconds(0, 0), .storeCut, .primary, lasting: .seconds(14, 18)),
                    .init(.seconds(2.5, 5.5), .linkCut, .primary, with: .other, lasting: .seconds(7, 10)),
                ])
        case .consentOfAll: Mutation(.off, [.storeCut: 4, .linkCut: 3, .linkCutOneWay: 2])
        case .noConsentAfterVote:
            // It has voted against a primary that seemed dead, and is asked for consent while the claim is on its way.
            Mutation(
                .quorum,
                provoked: [
                    .init(.seconds(0, 0), .storeCut, .primary, lasting: .seconds(9, 12)),
                    .init(.seconds(0.1, 0.3), .managerFrozen, .primary, lasting: .seconds(2, 3.2)),
                    .init(.seconds(1.1, 1.6), .storeWritesSlow, .other, lasting: .seconds(5, 7)),
                ])
        case .bootedVoterWaits:
            // They have consented, and forget it.
            Mutation(
                .quorum,
                provoked: [
                    .init(.seconds(0, 0), .storeCut, .primary, lasting: .seconds(10, 12)),
                    .init(.seconds(2.2, 3), .memberIsolated, .primary, lasting: .seconds(7, 9)),
                    .init(.seconds(0, 0), .quickRestart, .other),
                    .init(.seconds(0, 0.1), .quickRestart, .third),
                ])
        case .voteAfterDetach:
            Mutation(.quorum, [.slowDetach: 3, .storeCut: 2, .linkCut: 4, .linkCutOneWay: 2, .managerFrozen: 2])
        case .noStreamWhileVoted:
            // The holder's PID 1 is silent, its server streams on, and the winner's claim takes its time.
            Mutation(
                .quorum,
                provoked: [
                    .init(.seconds(0, 0), .managerFrozen, .primary, lasting: .seconds(5, 7)),
                    .init(.seconds(0.2, 0.7), .storeWritesSlow, .primary, lasting: .seconds(5, 7)),
                ])
        case .streamAfterRenewal:
            // A voter forgets its vote while the claim is on its way, and streams from the one that it voted against.
            Mutation(
                .quorum,
                provoked: [
                    .init(.seconds(0, 0), .managerFrozen, .primary, lasting: .seconds(5, 7)),
                    .init(.seconds(0.2, 0.7), .storeWritesSlow, .other, lasting: .seconds(5, 7)),
                    .init(.seconds(0.6, 1.6), .quickRestart, .third),
                ])
        case .voteForThisRenewal:
            // The holder goes on and renews. A candidate that has not heard of it since, nor of the one that had voted,
            // remembers that vote when the holder hangs again.
            Mutation(
                .quorum,
                provoked: [
                    .init(.seconds(0, 0), .managerFrozen, .primary, lasting: .seconds(2, 2.8)),
                    .init(.seconds(1.2, 1.8), .storePaused, .primary, lasting: .seconds(0.8, 1.3)),
                    .init(.seconds(0.8, 1), .linkCut, .primary, with: .other, lasting: .seconds(10, 12)),
                    .init(.seconds(0.2, 1), .linkCut, .other, with: .third, lasting: .seconds(8, 10)),
                    .init(.seconds(0.3, 1), .managerFrozen, .primary, lasting: .seconds(5, 7)),
                ])
        case .votesEnough, .bestGoesFirst:
            Mutation(
                .quorum,
                [.managerFrozen: 3, .linkCut: 2, .memberIsolated: 2, .replicationLag: 3, .podCrash: 1, .storeCut: 1])
        case .synchronousOnly: .leftOut
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
        // There is one cluster in a world.
        case .followerStaysStandby, .tokenAfterStop, .tokenReplayed, .tokenIsNewest: Mutation(.off, [:])
        case .newTimeline: Mutation(.off, [.podCrash: 3, .slowPromotion: 3, .podFrozen: 2])
        case .halfRewound: Mutation(.off, [.podCrash: 3, .managerFrozen: 2, .failingTools: 2])
        case .formerPrimary: Mutation(.off, [.podCrash: 3, .managerFrozen: 2, .podTerminated: 2, .replicationLag: 3])
        }
    }
}
