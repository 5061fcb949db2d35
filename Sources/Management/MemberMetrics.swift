import ClusterModel
import Glibc
import Metrics

/// Every metric of a member. Events are counted here as they happen, from any thread; the rest is taken from the
/// snapshot when a scrape asks.
package final class MemberMetrics: Sendable {
    package struct TransitionLabels: MetricLabels {
        package static let names = ["kind", "result"]
        package let kind: Transition.Kind
        package let succeeded: Bool
        package var values: [String] { [kind.rawValue, succeeded ? "succeeded" : "failed"] }

        package init(_ kind: Transition.Kind, succeeded: Bool) {
            self.kind = kind
            self.succeeded = succeeded
        }
    }

    /// Why a try to read or renew the lease failed.
    package enum LeaseErrorReason: String, MetricLabels, CaseIterable {
        package static let names = ["reason"]
        /// Somebody else changed the record.
        case conflict
        case unavailable
        /// The record cannot be read, or belongs to another cluster.
        case invalid
        /// The answer came after the give-up time, and was ignored.
        case late
        /// The store refused this member's token, password or certificate.
        case denied
    }

    /// How a question between members was answered.
    package enum Verdict: String, MetricLabels, CaseIterable {
        package static let names = ["result"]
        case granted, refused
    }

    /// What a member became primary by.
    package enum TakeOver: String, MetricLabels, CaseIterable {
        package static let names = ["kind"]
        /// There was no cluster before.
        case bootstrap
        /// The last primary had stopped and let go.
        case released
        /// Nobody had renewed the lease for its whole duration.
        case expired
        /// Before that, by the votes of enough members.
        case votes
        /// It had been the primary, and came back.
        case ownPast = "own_past"
    }

    package let transitions: Counter<TransitionLabels>
    package let postgresRestarts: Counter<NoLabels>
    package let fences: Counter<NoLabels>
    package let guardRespawns: Counter<NoLabels>
    /// Seconds from sending a renewal to its answer.
    package let leaseRenewal: Histogram<NoLabels>
    package let leaseErrors: Counter<LeaseErrorReason>
    package let takeOvers: Counter<TakeOver>
    /// Rounds in which this member, as holder, asked all others.
    package let consentRounds: Counter<Verdict>
    /// What this member answered.
    package let consents: Counter<Verdict>
    package let votes: Counter<Verdict>
    package let labelRepairs: Counter<NoLabels>
    package let labelErrors: Counter<NoLabels>
    package let eventErrors: Counter<NoLabels>
    package let nameConflicts: Counter<NoLabels>
    package let clockJumps: Counter<NoLabels>

    let gauges: MemberGauges
    let process: ProcessMetrics
    package let registry: MetricsRegistry

    package init() {
        var registry = MetricsRegistry()
        gauges = MemberGauges(registry: &registry)
        transitions = registry.counter(
            "pgmahout_transitions_total", "Changes of who leads that this member took part in.",
            by: TransitionLabels.self)
        postgresRestarts = registry.counter(
            "pgmahout_postgres_restarts_total", "Times postgres was started again after it ended unasked.")
        fences = registry.counter(
            "pgmahout_fence_total", "Times postgres was stopped because the lease could not be renewed.")
        guardRespawns = registry.counter("pgmahout_guard_respawns_total", "Times the guard process was started again.")
        leaseRenewal = registry.histogram(
            "pgmahout_lease_renewal_seconds", "Time a renewal of the lease took.",
            bounds: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5])
        leaseErrors = registry.counter(
            "pgmahout_lease_errors_total", "Failed tries to read or renew the lease.", by: LeaseErrorReason.self)
        takeOvers = registry.counter(
            "pgmahout_takeovers_total", "Times this member took the lease, by what allowed it.", by: TakeOver.self)
        consentRounds = registry.counter(
            "pgmahout_consent_rounds_total",
            "Rounds in which this member, as primary without its store, asked the others whether it may go on.",
            by: Verdict.self)
        consents = registry.counter(
            "pgmahout_consents_total", "Answers of this member to a primary without its store.", by: Verdict.self)
        votes = registry.counter(
            "pgmahout_votes_total", "Answers of this member to candidates that asked for its vote.", by: Verdict.self)
        labelRepairs = registry.counter(
            "pgmahout_label_repairs_total", "Times the labels of this pod had been changed by somebody else.")
        labelErrors = registry.counter(
            "pgmahout_label_errors_total", "Failed tries to set the labels of this pod.")
        eventErrors = registry.counter("pgmahout_event_errors_total", "Events that could not be written.")
        nameConflicts = registry.counter(
            "pgmahout_name_conflicts_total", "Times another run with this member's name was noticed.")
        clockJumps = registry.counter(
            "pgmahout_clock_jumps_total", "Times somebody set the wall clock, which the lease does not depend on.")
        process = ProcessMetrics(registry: &registry)
        self.registry = registry
        startAtZero()
    }

    /// A series that first appears with its first event hides that event from `rate` and `increase`.
    private func startAtZero() {
        for kind in Transition.Kind.allCases {
            transitions.set(TransitionLabels(kind, succeeded: true), to: 0)
            transitions.set(TransitionLabels(kind, succeeded: false), to: 0)
        }
        for reason in LeaseErrorReason.allCases { leaseErrors.set(reason, to: 0) }
        for kind in TakeOver.allCases { takeOvers.set(kind, to: 0) }
        for counter in [consentRounds, consents, votes] {
            for verdict in Verdict.allCases { counter.set(verdict, to: 0) }
        }
        for counter in [postgresRestarts, fences, guardRespawns, labelRepairs, labelErrors, eventErrors, nameConflicts]
        {
            counter.set(to: 0)
        }
        clockJumps.set(to: 0)
    }

    /// The text of a scrape. `snapshot` must already be brought to `now`.
    func render(_ snapshot: ManagementSnapshot, at now: Instant) -> String {
        // Wall clock only for what another machine's clock will read.
        gauges.take(snapshot, at: now, secondsSince1970: Double(time(nil)))
        process.update()
        return registry.render()
    }
}
