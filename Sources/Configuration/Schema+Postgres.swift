extension Schema {
    static let postgresSections: [SchemaSection] = serverSections + recoverySections + standbySections

    private static let serverSections: [SchemaSection] = [
        SchemaSection(
            path: "postgres", documentation: "The server that this member runs.",
            keys: [
                SchemaKey(
                    "binDirectory", .absolutePath, fallback: .text("/usr/lib/postgresql/15/bin"),
                    into: \.postgres.binDirectory,
                    "Where postgres, initdb, pg_basebackup and pg_rewind are."),
                SchemaKey(
                    "listen", .listenAddresses, fallback: .text("0.0.0.0"), isLive: true, into: \.postgres.listen,
                    "Addresses that the server listens on."),
                SchemaKey(
                    "host", .reachableHost, fallback: .variable("POD_IP"), example: "10.0.0.1", into: \.postgres.host,
                    "This member's own address: replicas connect to it, never through a service."),
                SchemaKey(
                    "port", .port, fallback: .text("5432"), into: \.postgres.port, "TCP port, also of the socket."),
                SchemaKey(
                    "superuser", .roleName, fallback: .text("postgres"), into: \.postgres.superuser,
                    "Role that initdb makes and that pgmahout uses over the local socket."),
                SchemaKey(
                    "superuserPasswordFile", .absolutePath, example: "/secrets/superuser",
                    isLive: true, intoOptional: \.postgres.superuserPasswordFile,
                    "File with the superuser's password. Without it the superuser can connect over the socket only."),
                SchemaKey(
                    "replicationUser", .roleName, fallback: .text("replicator"), into: \.postgres.replicationUser,
                    "Role that members replicate and rewind with."),
                SchemaKey(
                    "replicationPasswordFile", .absolutePath, example: "/secrets/replication",
                    isLive: true, intoOptional: \.postgres.replicationPasswordFile,
                    "File with its password. Without it replication is trusted: only for a network that is."),
                SchemaKey(
                    "parameters", .parameters, fallback: .emptyMapping, example: "{shared_buffers: 64MB}",
                    isLive: true, into: \.postgres.parameters,
                    "Settings for postgresql.conf. Those that belong to pgmahout are refused with the reason."),
                SchemaKey(
                    "hba", .hbaLines, fallback: .emptyList, example: "[\"host all all 0.0.0.0/0 scram-sha-256\"]",
                    isLive: true, into: \.postgres.hba, "Lines of pg_hba.conf, after those that pgmahout needs."),
            ]),
        SchemaSection(
            path: "bootstrap", documentation: "How a cluster begins.",
            keys: [
                SchemaKey(
                    "patience", .duration(.zero ... .seconds(3600)), fallback: .text("20s"), into: \.bootstrap.patience,
                    """
                    How long a member without data waits before it makes a new cluster, in case the record of one that
                    exists was lost. 0s: not at all, for a cluster that is known to be new.
                    """)
            ]),
        SchemaSection(
            path: "bootstrap.initdb",
            documentation: "How the first member makes the cluster's data directory; read once in a cluster's life.",
            keys: [
                SchemaKey(
                    "encoding", .text("the name of an encoding, such as UTF8", atMost: 63), fallback: .text("UTF8"),
                    into: \.bootstrap.initdb.encoding, "Encoding of new databases."),
                SchemaKey(
                    "locale", .text("the name of a locale, such as C or en_US.UTF-8", atMost: 63),
                    fallback: .text("C"), into: \.bootstrap.initdb.locale,
                    "Locale of new databases. C sorts the same on every machine and after every upgrade."),
                SchemaKey(
                    "dataChecksums", .flag, fallback: .text("true"), into: \.bootstrap.initdb.dataChecksums,
                    "Checksums on data pages."),
                SchemaKey(
                    "walSegmentSize", .walSegmentSize, fallback: .text("16MB"),
                    into: \.bootstrap.initdb.walSegmentSize, "Size of a WAL segment."),
                SchemaKey(
                    "options", .arguments, fallback: .emptyList, example: "[\"--lc-messages=C\"]",
                    into: \.bootstrap.initdb.options, "Further options of initdb."),
            ]),
    ]

    private static let standbySections: [SchemaSection] = [
        SchemaSection(
            path: "replication", documentation: "What is expected of a replica.",
            keys: [
                SchemaKey(
                    "maximumLag", .bytes(0...(1 << 50)), fallback: .text("16MiB"), isLive: true,
                    into: \.replication.maximumLag,
                    "A replica that is further behind is not ready and never becomes primary.")
            ]),
        SchemaSection(
            path: "shutdown", documentation: "How long each stage of a stop may take; 0s skips the stage.",
            keys: [
                SchemaKey(
                    "smart", .duration(.zero ... .seconds(86400)), fallback: .text("0s"), isLive: true,
                    into: \.shutdown.smart,
                    "Waits for clients to leave."),
                SchemaKey(
                    "fast", .duration(.zero ... .seconds(86400)), fallback: .text("20s"), isLive: true,
                    into: \.shutdown.fast,
                    "Ends sessions and writes a checkpoint."),
                SchemaKey(
                    "immediate", .duration(.zero ... .seconds(3600)), fallback: .text("3s"),
                    isLive: true, into: \.shutdown.immediate,
                    "Stops without a checkpoint. After it everything left is killed."),
            ]),
    ]
}
