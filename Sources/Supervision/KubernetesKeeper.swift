import ClusterModel
import Configuration
import Kubernetes
import Management
import Metrics
import Platform
import Synchronization

/// Shows the role of this member as labels of its pod, and its transitions as Events. Nobody ever waits for either.
final class KubernetesKeeper: Sendable {
    private struct Shown {
        var role: Role?
        var formerPrimaries: Set<MemberName> = []
        var repairs = 0
        var labelFailures = 0
        var eventFailures = 0
    }

    private let labels: PodLabels
    private let events: KubernetesEvents?
    private let me: MemberName
    private let shown = Mutex(Shown())

    init(_ settings: KubernetesSettings, _ configuration: PgmahoutConfiguration) throws(SystemError) {
        // Beside the lease's own: a slow patch delays no renewal.
        let api = KubernetesAPI(settings, name: "kube-pods")
        let pod = configuration.member.rawValue
        let uid = configuration.podUID.isEmpty ? nil : configuration.podUID
        let given = configuration.lease.kubernetes
        me = configuration.member
        labels = try PodLabels(
            api,
            PodLabelSettings(
                pod: pod, podUID: uid, roleLabel: given.roleLabel, primaryValue: given.primaryLabelValue,
                replicaValue: given.replicaLabelValue, cnpgLabels: given.cnpgLabels))
        events = given.events ? try KubernetesEvents(api, pod: pod, podUID: uid) : nil
    }

    /// Called after every round of the loop; passes on what has changed.
    func show(_ role: Role, formerPrimaries: Set<MemberName>, metrics: MemberMetrics) {
        shown.withLock { shown in
            let former = role == .primary ? formerPrimaries : []
            if shown.role != role || shown.formerPrimaries != former {
                shown.role = role
                shown.formerPrimaries = former
                labels.set(role == .primary ? .primary : .replica, formerPrimaries: Set(former.map(\.rawValue)))
            }
            let state = labels.state
            for _ in shown.repairs..<max(shown.repairs, state.repairs) { metrics.labelRepairs.increment() }
            for _ in shown.labelFailures..<max(shown.labelFailures, state.failures) { metrics.labelErrors.increment() }
            shown.repairs = state.repairs
            shown.labelFailures = state.failures
            guard let failures = events?.state.failures else { return }
            for _ in shown.eventFailures..<max(shown.eventFailures, failures) { metrics.eventErrors.increment() }
            shown.eventFailures = failures
        }
    }

    func report(_ transition: Transition) {
        let kind = transition.kind.rawValue
        let name = kind.prefix(1).uppercased() + kind.dropFirst()
        let way = [transition.from, transition.to].compactMap { $0?.rawValue }.joined(separator: " to ")
        events?.post(
            reason: name + (transition.succeeded ? "Completed" : "Failed"),
            message: "\(way): \(transition.reason) (\(transition.id))",
            isWarning: !transition.succeeded || transition.kind == .fence)
    }

    func stop() {
        labels.stop()
        events?.stop()
    }
}
