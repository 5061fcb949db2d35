import ClusterModel

extension Schema {
    static let memberSections: [SchemaSection] = [
        SchemaSection(
            path: "", documentation: "The cluster and this member of it.",
            keys: [
                SchemaKey(
                    "cluster", .name, example: "demo", into: \.cluster,
                    "Name of the cluster, the same for all members."),
                SchemaKey(
                    "member", .memberName, fallback: .variable("POD_NAME"), example: "pg-1", into: \.member,
                    "Name of this member, unique in the cluster and stable over restarts."),
                SchemaKey(
                    "dataDirectory", .absolutePath, example: "/var/lib/postgresql/pgdata", into: \.dataDirectory,
                    "PGDATA. Its parent must be writable too: a new copy is made beside it and renamed into place."),
                SchemaKey(
                    "runDirectory", .absolutePath, fallback: .text("/run/pgmahout"), into: \.runDirectory,
                    "Sockets and FIFOs, made with mode 0700. Short, for a socket's path may have at most 99 bytes."),
            ]),
        SchemaSection(
            path: "traits", documentation: "The part of this member in the cluster. Others learn it from the record.",
            keys: [
                SchemaKey(
                    "failoverPriority", .integer(0...1000), fallback: .text("1"), isLive: true,
                    into: \.traits.failoverPriority, "Among members with the same WAL the higher one takes over."),
                SchemaKey(
                    "noFailover", .flag, fallback: .text("false"), isLive: true, into: \.traits.noFailover,
                    "Never becomes primary unless a person names it."),
                SchemaKey(
                    "noLoadBalance", .flag, fallback: .text("false"), isLive: true, into: \.traits.noLoadBalance,
                    "Gets no readers: /replica answers 503."),
                SchemaKey(
                    "noSync", .flag, fallback: .text("false"), isLive: true, into: \.traits.noSync,
                    "No commit ever waits for it."),
                SchemaKey(
                    "zone", .text("a name on one line, such as eu-1a", atMost: 63), example: "eu-1a", isLive: true,
                    intoOptional: \.traits.zone,
                    "Where it is. Among equals, a member in the zone of the last primary takes over."),
                SchemaKey(
                    "replicateFrom", .memberName, example: "pg-2", isLive: true, intoOptional: \.traits.replicateFrom,
                    "Streams from this member while that one is fit, else from the primary."),
                SchemaKey(
                    "applyDelay", .duration(.zero ... .seconds(31 * 86400)), fallback: .text("0s"), example: "",
                    isLive: true,
                    "Replays so much later than the primary wrote; then it neither stands nor is waited for.",
                    load: { .milliseconds($0.traits.applyDelayMilliseconds ?? 0) },
                    store: { value, configuration in
                        configuration.traits.applyDelayMilliseconds = value > .zero ? value.milliseconds : nil
                    }),
            ]),
        SchemaSection(
            path: "http", documentation: "Probes, metrics, status and control.",
            keys: [
                SchemaKey(
                    "listen", .listenAddress, fallback: .text("0.0.0.0"), into: \.http.listen, "Address to listen on."),
                SchemaKey("port", .port, fallback: .text("8008"), into: \.http.port, "TCP port."),
                SchemaKey(
                    "advertise", .reachableHost, fallback: .key("postgres.host"), example: "10.0.0.1",
                    into: \.http.advertise, "Where other members and people reach this interface."),
                SchemaKey(
                    "tokenFile", .absolutePath, example: "/secrets/token", intoOptional: \.http.tokenFile,
                    "File with the bearer token for calls that change something. Without it they work on loopback only."
                ),
            ]),
        SchemaSection(
            path: "http.tls",
            documentation: """
                TLS on the same port, beside plain HTTP: for what members ask of each other, and for changes by people
                with a client certificate. The files are read again when they change.
                """,
            keys: [
                SchemaKey(
                    "certificateFile", .absolutePath, example: "/secrets/tls/tls.crt",
                    intoOptional: \.http.tls.certificateFile,
                    "This member's certificate (PEM), with its name of `member` among the DNS names."),
                SchemaKey(
                    "keyFile", .absolutePath, example: "/secrets/tls/tls.key", intoOptional: \.http.tls.keyFile,
                    "Its private key (PEM)."),
                SchemaKey(
                    "caFile", .absolutePath, example: "/secrets/tls/ca.crt", intoOptional: \.http.tls.caFile,
                    "Certificates (PEM) of the authorities that sign the members' certificates and those of people."),
                SchemaKey(
                    "controllers", .certificateNames, fallback: .emptyList, example: "[admin]",
                    into: \.http.tls.controllers,
                    "Names of client certificates that may change things, as the token may."),
            ]),
        SchemaSection(
            path: "log", documentation: "One stream on standard output: pgmahout's own records and those of postgres.",
            keys: [
                SchemaKey(
                    "level", .choice, fallback: .text("info"), into: \.log.level,
                    "Least severity that is written."),
                SchemaKey(
                    "format", .choice, fallback: .text("json"), into: \.log.format,
                    "One JSON object a line, or text for a terminal."),
            ]),
    ]
}
