import ClusterModel

/// What the members of a cluster need to agree, and to get along without each other.
extension Relation {
    static let members: [Relation] = [
        Relation(
            "lease.quorumTakeOverAfter", ["lease.renewEvery", "synchronous.mode"]
        ) { configuration in
            let lease = configuration.lease
            guard configuration.synchronous.mode.isLossless, let span = lease.quorumTakeOverAfter else { return nil }
            let least = lease.renewEvery + .milliseconds(500)
            guard span < least else { return nil }
            return (
                "found \(Quantities.text(span)), in which a primary that lives may have nothing to renew",
                "at least \(Quantities.text(least)), which is lease.renewEvery and half a second, or off"
            )
        },
        Relation("peers.secretFile", ["synchronous.mode", "peers.certificates"]) { configuration in
            let mode = configuration.synchronous.mode
            guard mode.isLossless, !configuration.peers.knowEachOther else { return nil }
            return (
                "missing, while synchronous.mode is \(mode.rawValue)",
                "a file with a secret that all members share, or peers.certificates: without votes nobody could ever "
                    + "take over"
            )
        },
        Relation("peers.certificates", ["http.tls.certificateFile", "http.tls.caFile"]) { configuration in
            let tls = configuration.http.tls
            guard configuration.peers.certificates, tls.certificateFile == nil || tls.caFile == nil else { return nil }
            return ("found true without certificates", "http.tls with certificateFile, keyFile and caFile, or false")
        },
        together("http.tls.certificateFile", "http.tls.keyFile") {
            ($0.http.tls.certificateFile, $0.http.tls.keyFile)
        },
        Relation("http.tls.caFile", ["http.tls.certificateFile"]) { configuration in
            let tls = configuration.http.tls
            guard tls.caFile != nil, tls.certificateFile == nil else { return nil }
            return ("found without http.tls.certificateFile", "certificateFile and keyFile beside it, or none of them")
        },
        Relation("http.tls.controllers", ["http.tls.caFile"]) { configuration in
            guard !configuration.http.tls.controllers.isEmpty, configuration.http.tls.caFile == nil else { return nil }
            return ("found names without http.tls.caFile", "the authorities that sign these people's certificates")
        },
        Relation("traits.replicateFrom", ["member"]) { configuration in
            guard configuration.traits.replicateFrom == configuration.member else { return nil }
            return ("found this member itself", "another member")
        },
    ]

    static let stores: [Relation] = etcd + kubernetes

    private static let etcd: [Relation] = [
        together("lease.etcd.certificateFile", "lease.etcd.keyFile") {
            ($0.lease.etcd.certificateFile, $0.lease.etcd.keyFile)
        },
        together("lease.etcd.user", "lease.etcd.passwordFile") { ($0.lease.etcd.user, $0.lease.etcd.passwordFile) },
        Relation("lease.etcd.endpoints", ["lease.etcd.caFile", "lease.etcd.certificateFile"]) { configuration in
            let etcd = configuration.lease.etcd
            guard etcd.caFile != nil || etcd.certificateFile != nil,
                let plain = etcd.endpoints.first(where: { $0.hasPrefix("http:") })
            else { return nil }
            return ("found '\(plain)' beside certificates, which it would not use", "https://…, or no certificates")
        },
    ]

    private static let kubernetes: [Relation] = [
        Relation("lease.kubernetes.url") { configuration in
            guard configuration.kubernetesAccess.url.isEmpty else { return nil }
            return (
                "missing, and this is no pod: KUBERNETES_SERVICE_HOST is not set",
                "the URL of an API server, such as https://10.96.0.1:443"
            )
        },
        Relation("lease.kubernetes.namespace", ["lease.kubernetes.url"]) { configuration in
            guard configuration.lease.kubernetes.url != nil, configuration.kubernetesAccess.namespace == nil else {
                return nil
            }
            return ("missing beside lease.kubernetes.url", "the namespace of the Lease; or set POD_NAMESPACE")
        },
        Relation("lease.kubernetes.url", ["lease.kubernetes.caFile"]) { configuration in
            let given = configuration.lease.kubernetes
            guard let url = given.url, url.hasPrefix("http:"), given.caFile != nil else { return nil }
            return ("found '\(url)' beside a caFile, which it would not use", "https://…, or no caFile")
        },
        Relation("lease.kubernetes.url", ["lease.kubernetes.tokenFile"]) { configuration in
            let given = configuration.lease.kubernetes
            guard let url = given.url.flatMap({ ServerURL($0) }), !url.isSecure, !url.isLoopback, given.tokenFile != nil
            else { return nil }
            return ("found '\(url.base)', to which the token would be sent in the clear", "https://…, or no tokenFile")
        },
        Relation("lease.kubernetes.replicaLabelValue", ["lease.kubernetes.primaryLabelValue"]) { configuration in
            let given = configuration.lease.kubernetes
            guard given.replicaLabelValue == given.primaryLabelValue else { return nil }
            return ("found '\(given.replicaLabelValue)'", "another value than lease.kubernetes.primaryLabelValue")
        },
        Relation("lease.kubernetes.roleLabel", ["lease.kubernetes.cnpgLabels"]) { configuration in
            let given = configuration.lease.kubernetes
            guard given.cnpgLabels, given.roleLabel == "cnpg.io/instanceRole" else { return nil }
            return (
                "found 'cnpg.io/instanceRole', which cnpgLabels sets already", "another label, or cnpgLabels: false"
            )
        },
    ]

    /// Both or none.
    private static func together(
        _ first: String, _ second: String, values: @escaping @Sendable (PgmahoutConfiguration) -> (String?, String?)
    ) -> Relation {
        Relation(first, [second]) { configuration in
            switch values(configuration) {
            case (.some, nil): ("found without \(second)", "both \(first) and \(second), or neither")
            case (nil, .some): ("missing, while \(second) is there", "both \(first) and \(second), or neither")
            default: nil
            }
        }
    }
}
