extension Schema {
    static let leaseSections: [SchemaSection] = [
        SchemaSection(
            path: "lease",
            documentation: """
                Who may write. Clocks of two machines may differ in rate by clockRateError, so it must hold that
                (giveUpAfter + killWithin) * (1 + clockRateError) <= duration * (1 - clockRateError).
                Shorter times mean a faster failover, and less patience with a slow store.
                """,
            keys: [
                SchemaKey(
                    "store", .choice, fallback: .text("file"), into: \.lease.store,
                    """
                    Where the lease is kept. The section of that name says more about it; those of the others may not
                    be there. In a pod, kubernetes needs nothing else.
                    """),
                SchemaKey(
                    "duration", .duration(.milliseconds(100) ... .seconds(3600)), fallback: .text("6s"),
                    isLive: true, into: \.lease.duration,
                    "How long others wait after they last saw the lease renewed. The same for all members."),
                SchemaKey(
                    "renewEvery", .duration(.milliseconds(10) ... .seconds(600)), fallback: .text("1s"),
                    isLive: true, into: \.lease.renewEvery, "How often the holder renews it."),
                SchemaKey(
                    "giveUpAfter", .duration(.milliseconds(20) ... .seconds(3600)), fallback: .text("4s"),
                    isLive: true, into: \.lease.giveUpAfter,
                    "Without a renewal for so long, the holder stops its server."),
                SchemaKey(
                    "killWithin", .duration(.milliseconds(10) ... .seconds(600)), fallback: .text("500ms"),
                    isLive: true, into: \.lease.killWithin, "How long that may take before the guard kills it."),
                SchemaKey(
                    "clockRateError", .fraction(0.0...0.2), fallback: .text("0.01"), isLive: true,
                    into: \.lease.clockRateError,
                    "By which fraction the clocks of two machines may differ in rate."),
                SchemaKey(
                    "quorumTakeOverAfter", .durationOrOff(.milliseconds(100) ... .seconds(3600)),
                    fallback: .text("1.8s"), isLive: true, into: \.lease.quorumTakeOverAfter,
                    """
                    Where synchronous.mode is quorum or strict: a primary that is silent for so long is replaced by
                    votes alone. At least renewEvery + 500ms. off: only when its lease has run out.
                    """),
            ]),
        SchemaSection(
            path: "lease.file", documentation: "For store: file, which serves members on one machine.",
            onlyFor: .file,
            keys: [
                SchemaKey(
                    "path", .absolutePath, example: "/shared/demo.lease", into: \.lease.file.path,
                    "The lease itself, a directory that the first member makes: the same path for all members.")
            ]),
        SchemaSection(
            path: "lease.etcd", documentation: "For store: etcd, version 3.4 or later.", onlyFor: .etcd,
            keys: [
                SchemaKey(
                    "endpoints", .endpoints, fallback: .requiredList, example: "[\"https://10.0.0.1:2379\"]",
                    into: \.lease.etcd.endpoints, "All members of the etcd cluster."),
                SchemaKey(
                    "prefix", .etcdPrefix, fallback: .text("/pgmahout/"), into: \.lease.etcd.prefix,
                    "What the key begins with; the name of the cluster and /record follow."),
                SchemaKey(
                    "caFile", .absolutePath, example: "/secrets/etcd/ca.crt", intoOptional: \.lease.etcd.caFile,
                    "Certificates (PEM) of the authorities that are trusted instead of the system's."),
                SchemaKey(
                    "certificateFile", .absolutePath, example: "/secrets/etcd/tls.crt",
                    intoOptional: \.lease.etcd.certificateFile, "This member's certificate (PEM)."),
                SchemaKey(
                    "keyFile", .absolutePath, example: "/secrets/etcd/tls.key",
                    intoOptional: \.lease.etcd.keyFile, "Its private key (PEM)."),
                SchemaKey(
                    "user", .text("a user name on one line", atMost: 255), example: "pgmahout",
                    intoOptional: \.lease.etcd.user, "User of etcd, where it asks for one."),
                SchemaKey(
                    "passwordFile", .absolutePath, example: "/secrets/etcd/password",
                    intoOptional: \.lease.etcd.passwordFile, "File with the user's password."),
                SchemaKey(
                    "callTimeout", .duration(.milliseconds(100) ... .seconds(60)), fallback: .text("2s"),
                    into: \.lease.etcd.callTimeout,
                    "How long one call may take; never more than giveUpAfter without renewEvery."),
            ]),
        SchemaSection(
            path: "lease.kubernetes",
            documentation: "For store: kubernetes, a Lease object. In a pod every key has a default that fits.",
            onlyFor: .kubernetes,
            keys: [
                SchemaKey(
                    "url", .serverURL, example: "https://10.96.0.1:443", intoOptional: \.lease.kubernetes.url,
                    """
                    The API server; without it, that of the cluster whose pod this is, with the pod's own token.
                    With it, only the token and the authorities that are named here are used.
                    """),
                SchemaKey(
                    "namespace", .name, example: "databases", intoOptional: \.lease.kubernetes.namespace,
                    "Namespace of the Lease and of the pods; without it, POD_NAMESPACE or the pod's own."),
                SchemaKey(
                    "name", .name, fallback: .key("cluster"), example: "demo", into: \.lease.kubernetes.name,
                    "Name of the Lease."),
                SchemaKey(
                    "tokenFile", .absolutePath, example: "/secrets/kubernetes/token",
                    intoOptional: \.lease.kubernetes.tokenFile, "File with a bearer token; read again when it changes."),
                SchemaKey(
                    "caFile", .absolutePath, example: "/secrets/kubernetes/ca.crt",
                    intoOptional: \.lease.kubernetes.caFile, "Certificates (PEM) of the authorities that are trusted."),
                SchemaKey(
                    "roleLabel", .labelKey, fallback: .text("role"), into: \.lease.kubernetes.roleLabel,
                    "Label of the pods that Services select the primary and the replicas by."),
                SchemaKey(
                    "primaryLabelValue", .labelValue, fallback: .text("primary"),
                    into: \.lease.kubernetes.primaryLabelValue, "Its value for the primary."),
                SchemaKey(
                    "replicaLabelValue", .labelValue, fallback: .text("replica"),
                    into: \.lease.kubernetes.replicaLabelValue, "Its value for replicas."),
                SchemaKey(
                    "cnpgLabels", .flag, fallback: .text("true"), into: \.lease.kubernetes.cnpgLabels,
                    "Also set cnpg.io/instanceRole, for Services that were made for CloudNativePG."),
                SchemaKey(
                    "events", .flag, fallback: .text("true"), into: \.lease.kubernetes.events,
                    "Write an Event for every transition."),
                SchemaKey(
                    "callTimeout", .duration(.milliseconds(100) ... .seconds(60)), fallback: .text("2s"),
                    into: \.lease.kubernetes.callTimeout,
                    "How long one call may take; never more than giveUpAfter without renewEvery."),
            ]),
    ]
}
