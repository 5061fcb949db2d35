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
