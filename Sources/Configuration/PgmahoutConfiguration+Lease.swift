extension PgmahoutConfiguration {
    package struct Lease: Hashable, Sendable {
        package enum Store: String, Hashable, Sendable, CaseIterable {
            case file, etcd, kubernetes
        }

        package struct File: Hashable, Sendable {
            package var path = ""
            init() {}
        }

        package struct Etcd: Hashable, Sendable {
            /// `http://host:port` or `https://host:port`, at least one, no two alike.
            package var endpoints: [String] = []
            /// What the key begins with; the name of the cluster and `/record` follow.
            package var prefix = ""
            /// PEM; nil: the system's authorities.
            package var caFile: String?
            /// PEM; both or none.
            package var certificateFile: String?
            package var keyFile: String?
            /// Both or none.
            package var user: String?
            package var passwordFile: String?
            package var callTimeout = Duration.zero
            init() {}
        }

        package struct Kubernetes: Hashable, Sendable {
            /// nil: that of the cluster whose pod this is.
            package var url: String?
            /// nil: that of the pod.
            package var namespace: String?
            /// Of the Lease object.
            package var name = ""
            /// nil: the service account's, unless `url` is given.
            package var tokenFile: String?
            package var caFile: String?
            /// Label of pods that says who leads.
            package var roleLabel = ""
            package var primaryLabelValue = ""
            package var replicaLabelValue = ""
            /// Whether `cnpg.io/instanceRole` is set beside it.
            package var cnpgLabels = false
            /// Whether transitions are written as Events.
            package var events = false
            package var callTimeout = Duration.zero
            init() {}
        }

        package var store = Store.file
        /// Each is blank unless its store is chosen.
        package var file = File()
        package var etcd = Etcd()
        package var kubernetes = Kubernetes()
        /// D: how long others wait after they last saw the record change.
        package var duration = Duration.zero
        /// P
        package var renewEvery = Duration.zero
        /// R: without a renewal for so long, the holder stops postgres.
        package var giveUpAfter = Duration.zero
        /// K: how long that may take before the guard kills it.
        package var killWithin = Duration.zero
        /// ρ: by which fraction two machines' clocks may differ in rate.
        package var clockRateError = 0.0
        /// A silent holder may be replaced by votes alone so long after its last renewal; nil: never.
        package var quorumTakeOverAfter: Duration?
        init() {}
    }

    /// How the API server of Kubernetes is reached.
    package struct KubernetesAccess: Hashable, Sendable {
        package let url: String
        /// nil: without a token, as through a proxy that has one.
        package let tokenFile: String?
        /// PEM; nil: the system's authorities.
        package let caFile: String?
        /// nil: it stands in `namespaceFile`.
        package let namespace: String?
    }

    /// Where Kubernetes puts a pod's `token`, `ca.crt` and `namespace`.
    package static let serviceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount"
    package static let namespaceFile = serviceAccountDirectory + "/namespace"

    /// What the file says, and the pod's own for what it does not say. An address that was given takes nothing of the
    /// pod's: the token of one cluster must not be sent to another.
    package var kubernetesAccess: KubernetesAccess {
        let given = lease.kubernetes
        let own = given.url == nil ? Self.serviceAccountDirectory : nil
        return KubernetesAccess(
            url: given.url ?? kubernetesService ?? "", tokenFile: given.tokenFile ?? own.map { $0 + "/token" },
            caFile: given.caFile ?? own.map { $0 + "/ca.crt" }, namespace: given.namespace ?? podNamespace)
    }

    /// The key of the record in etcd.
    package var etcdKey: String { lease.etcd.prefix + cluster + "/record" }

    /// Bound of one call of the chosen store: a call that is answered later than this would come too late for another
    /// try before the lease is given up.
    package var leaseCallTimeout: Duration {
        let configured =
            switch lease.store {
            case .file: Duration.seconds(2)
            case .etcd: lease.etcd.callTimeout
            case .kubernetes: lease.kubernetes.callTimeout
            }
        return max(.milliseconds(100), min(configured, lease.giveUpAfter - lease.renewEvery))
    }
}
