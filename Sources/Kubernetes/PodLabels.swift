import ClusterModel
import Platform
import Synchronization

/// What a pod is to the Services that select by label.
package enum PodRole: String, Hashable, Sendable, CaseIterable {
    case primary, replica
}

/// Which labels say it.
package struct PodLabelSettings: Hashable, Sendable {
    /// Our own pod.
    package var pod: String
    /// When known, another pod of the same name is left alone.
    package var podUID: String?
    package var roleLabel: String
    package var primaryValue: String
    package var replicaValue: String
    /// Also `cnpg.io/instanceRole`, for Services that were made for CloudNativePG.
    package var cnpgLabels: Bool

    package init(
        pod: String, podUID: String? = nil, roleLabel: String = "role", primaryValue: String = "primary",
        replicaValue: String = "replica", cnpgLabels: Bool = true
    ) {
        self.pod = pod
        self.podUID = podUID
        self.roleLabel = roleLabel
        self.primaryValue = primaryValue
        self.replicaValue = replicaValue
        self.cnpgLabels = cnpgLabels
    }

    package static let cnpgLabel = "cnpg.io/instanceRole"

    package func labels(_ role: PodRole) -> [String: String] {
        var labels = [roleLabel: role == .primary ? primaryValue : replicaValue]
        if cnpgLabels { labels[Self.cnpgLabel] = role.rawValue }
        return labels
    }
}

/// Keeps the labels of the own pod as its role wants them, from a thread of its own: patched at each change of role,
/// and again when somebody else changed them.
///
/// Nobody waits for it: the latest wish is all that it remembers. It begins with `replica`: a label that an earlier
/// life of the pod left behind would send writers to it.
package final class PodLabels: Sendable {
    /// For metrics and tests.
    package struct State: Hashable, Sendable {
        package var wanted = PodRole.replica
        /// What the pod's labels say, as far as we know; nil until the first patch.
        package var applied: PodRole?
        /// Patches that changed or confirmed labels.
        package var patches = 0
        /// How often somebody else had changed them.
        package var repairs = 0
        package var failures = 0
        /// Of the last attempt; nil when it succeeded.
        package var lastError: String?
    }

    private let keeper: LabelKeeper

    /// - Parameters:
    ///   - api: may be shared with others that nothing depends on; never with the lease.
    ///   - watchTiming: of the watch of the own pod.
    package init(
        _ api: KubernetesAPI, _ settings: PodLabelSettings, watchTiming: KubernetesWatch.Timing = .init(),
        confirmEvery: Duration = .seconds(60)
    ) throws(SystemError) {
        let keeper = try LabelKeeper(api: api, settings: settings, confirmEvery: confirmEvery)
        self.keeper = keeper
        try keeper.start(watchTiming)
    }

    deinit { stop() }

    package var state: State { keeper.state.withLock { $0.visible } }

    /// Never waits.
    /// - Parameter formerPrimaries: other pods of the cluster, for `primary`: those that led before. They become
    ///   replicas by label, once each, because a pod whose node is lost cannot do so itself and would get every second
    ///   connection until Kubernetes notices.
    package func set(_ role: PodRole, formerPrimaries: Set<String> = []) {
        keeper.set(role, formerPrimaries: formerPrimaries)
    }

    /// Leaves the labels as they are.
    package func stop() { keeper.stop() }
}
