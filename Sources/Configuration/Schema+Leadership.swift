extension Schema {
    static let leadershipSections: [SchemaSection] = [
        SchemaSection(
            path: "synchronous",
            documentation: """
                How commits wait for standbys. What is said here must be the same for all members.
                off: commits wait for nobody; a failover may lose what was not replicated, at most maximumLag.
                preferred: commits wait while standbys are there; without any they go on alone.
                quorum: as preferred, but nobody else may take over then. No acknowledged commit is ever lost.
                strict: commits wait for count standbys, whoever is there. No acknowledged commit is ever lost.
                """,
            keys: [
                SchemaKey(
                    "mode", .choice, fallback: .text("off"), isLive: true, into: \.synchronous.mode,
                    "quorum and strict need peers.secretFile, because members vote."),
                SchemaKey(
                    "count", .integer(1...16), fallback: .text("1"), isLive: true, into: \.synchronous.count,
                    "How many standbys must have flushed a commit before it is acknowledged."),
            ]),
        SchemaSection(
            path: "peers", documentation: "What members ask of each other.",
            keys: [
                SchemaKey(
                    "secretFile", .absolutePath, example: "/secrets/peers", intoOptional: \.peers.secretFile,
                    """
                    File with a secret that all members share, one line. Without it they neither vote nor consent.
                    To change it: put the new one before the old one on all members, then take the old one away.
                    """),
                SchemaKey(
                    "certificates", .flag, fallback: .text("false"), into: \.peers.certificates,
                    """
                    Members know each other by the certificates of http.tls instead of the secret: each asks in the name
                    of its own. First http.tls on all members, then this on all.
                    """),
            ]),
        SchemaSection(
            path: "failover", documentation: "When a primary hands over.",
            keys: [
                SchemaKey(
                    "crashRestartBudget", .duration(.zero ... .seconds(3600)), fallback: .text("10s"),
                    isLive: true, into: \.failover.crashRestartBudget,
                    "How long a crashed primary may take to come back in place while a replica is ready."),
                SchemaKey(
                    "unresponsiveBudget", .duration(.seconds(1) ... .seconds(3600)), fallback: .text("10s"),
                    isLive: true, into: \.failover.unresponsiveBudget,
                    "How long a primary's server or disk may fail to answer while a replica is ready."),
            ]),
    ]
}
