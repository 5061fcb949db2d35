extension Schema {
    static let leadershipSections: [SchemaSection] = [
        SchemaSection(
            path: "lease",
            documentation: """
                Who may write. Clocks of two machines may differ in rate by clockRateError, so it must hold that
                (giveUpAfter + killWithin) * (1 + clockRateError) <= duration * (1 - clockRateError).
                Shorter times mean a faster failover, and less patience with a slow store.
                """,
            keys: [
                SchemaKey("store", .choice, fallback: .text("file"), into: \.lease.store, "Where the lease is kept."),
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
            ]),
        SchemaSection(
            path: "lease.file", documentation: "For store: file, which serves members on one machine.",
            keys: [
                SchemaKey(
                    "path", .absolutePath, example: "/shared/demo.lease", into: \.lease.file.path,
                    "The lease itself, a directory that the first member makes: the same path for all members.")
            ]),
        SchemaSection(
            path: "failover", documentation: "When a primary hands over.",
            keys: [
                SchemaKey(
                    "crashRestartBudget", .duration(.zero ... .seconds(3600)), fallback: .text("10s"),
                    isLive: true, into: \.failover.crashRestartBudget,
                    "How long a crashed primary may take to come back in place while a replica is ready.")
            ]),
    ]
}
