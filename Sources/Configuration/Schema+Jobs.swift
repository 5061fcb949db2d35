import ClusterModel
import Schedules

extension Schema {
    /// Sections that count as given with the archive's own.
    static let jobSections: [SchemaSection] = [
        SchemaSection(
            path: "archive.jobs",
            documentation:
                "How scheduled work on the archive is given out. The lease holder decides, one job at a time.",
            isOptional: true, partOf: "archive",
            keys: [
                key(
                    "timeZone", .timeZone, fallback: .text("UTC"), into: \.jobs.timeZone,
                    "Time zone of all schedules: a name of /usr/share/zoneinfo."),
                key(
                    "retentionSchedule", .schedule, example: "\"@daily\"", into: \.jobs.retentionSchedule,
                    "When retention is applied, beside after each backup."),
                key(
                    "attempts", .integer(1...20), fallback: .text("3"), into: \.jobs.attempts,
                    "How often a job that fails, or whose member is lost, is tried before it waits for its next time."),
                key(
                    "patience", .duration(.seconds(2) ... .seconds(3600)), fallback: .text("30s"),
                    into: \.jobs.patience, "A member that has been silent for so long has lost its job."),
                key(
                    "inspectEvery", .duration(.seconds(1) ... .seconds(86_400)), fallback: .text("5min"),
                    into: \.jobs.inspectEvery, "How often what is in the archive is counted for metrics."),
            ]),
        SchemaSection(
            path: "archive.backup", documentation: "Scheduled base backups.", isOptional: true, partOf: "archive",
            keys: [
                key(
                    "schedule", .schedule, example: "\"0 3 * * *\"", into: \.backup.schedule,
                    "Its times, in five or six fields as in cron, or @daily and its like. Without it only on demand."),
                key(
                    "immediate", .flag, fallback: .text("false"), into: \.backup.immediate,
                    "Whether a cluster that has no backup yet takes one at once."),
                key(
                    "from", .choice, fallback: .text("prefer-standby"), into: \.backup.from,
                    "Which member takes it. With prefer-standby the primary is the last resort; with standby it never does."
                ),
                key(
                    "rate", .bytes(0...(1 << 40)), fallback: .text("0"), into: \.backup.rate,
                    "Bytes read a second, such as 50MiB; 0: no limit."),
            ]),
        SchemaSection(
            path: "archive.dump", documentation: "Scheduled logical dumps.", isOptional: true, partOf: "archive",
            keys: [
                key(
                    "schedule", .schedule, example: "\"0 4 * * sun\"", into: \.dump.schedule,
                    "Its times, as for backups."),
                key(
                    "keep", .integer(1...1000), fallback: .text("7"), into: \.dump.keep,
                    "How many successful dumps are kept, the newest."),
                key(
                    "databases", .databaseNames, fallback: .emptyList, example: "[app]", into: \.dump.databases,
                    "Which databases; an empty list means all."),
                key("from", .choice, fallback: .text("prefer-standby"), into: \.dump.from, "As for backups."),
            ]),
        SchemaSection(
            path: "archive.drill", documentation: "Restores that show that backups can be restored.",
            isOptional: true, partOf: "archive",
            keys: [
                key(
                    "schedule", .schedule, example: "\"0 5 * * sun\"", into: \.drill.schedule,
                    "Its times, as for backups."),
                key(
                    "afterEachBackup", .flag, fallback: .text("false"), into: \.drill.afterEachBackup,
                    "Whether each new backup is restored once, also one that was taken by hand."),
                key(
                    "from", .choice, fallback: .text("standby"), into: \.drill.from,
                    "Which member does it; with standby never the primary, which needs its disk and memory."),
                key(
                    "database", .databaseName, example: "app", into: \.drill.database,
                    "A database that must be there in the restored cluster; queries run in it."),
                key("role", .roleName, example: "app", into: \.drill.role, "A role that must be there."),
                key(
                    "queries", .queries, fallback: .emptyList, example: "[\"SELECT count(*) > 0 FROM orders\"]",
                    into: \.drill.queries,
                    "Statements that must end without an error and not with false as their first value."),
            ]),
        SchemaSection(
            path: "archive.verify",
            documentation: "Reading all backups again, and looking for missing WAL, as backup verify all does.",
            isOptional: true, partOf: "archive",
            keys: [
                key(
                    "schedule", .schedule, example: "\"0 6 * * sat\"", into: \.verify.schedule,
                    "Its times, as for backups."),
                key("from", .choice, fallback: .text("prefer-standby"), into: \.verify.from, "As for backups."),
                key(
                    "rate", .bytes(0...(1 << 40)), fallback: .text("0"), into: \.verify.rate,
                    "Bytes read a second, as stored, such as 50MiB; 0: no limit."),
            ]),
    ]

    static let retentionKeys: [SchemaKey] = [
        key(
            "retention", .retentionPolicy, example: "30d", into: \.retention,
            """
            What is kept, as REDUNDANCY n, RECOVERY WINDOW OF n DAYS (or WEEKS, MONTHS), or in short 30d, 4w, 3m. Without
            it nothing is deleted because of its age.
            """),
        key(
            "minimumRedundancy", .integer(1...1000), fallback: .text("1"), into: \.minimumRedundancy,
            "Good backups that always stay, whatever their age."),
    ]

    private static func key<Value: Equatable & Sendable>(
        _ name: String, _ kind: ValueKind<Value>, fallback: SchemaKey.Fallback, example: String = "",
        into path: any WritableKeyPath<PgmahoutConfiguration.Archive, Value> & Sendable, _ documentation: String
    ) -> SchemaKey {
        SchemaKey(
            name, kind, fallback: fallback, example: example, isLive: true, documentation,
            load: { $0.archive?[keyPath: path] },
            store: { value, configuration in
                var archive = configuration.archive ?? PgmahoutConfiguration.Archive()
                archive[keyPath: path] = value
                configuration.archive = archive
            })
    }

    /// One that may be absent.
    private static func key<Value: Equatable & Sendable>(
        _ name: String, _ kind: ValueKind<Value>, example: String,
        into path: any WritableKeyPath<PgmahoutConfiguration.Archive, Value?> & Sendable, _ documentation: String
    ) -> SchemaKey {
        SchemaKey(
            name, kind, fallback: .absent, example: example, isLive: true, documentation,
            load: { $0.archive?[keyPath: path] },
            store: { value, configuration in
                var archive = configuration.archive ?? PgmahoutConfiguration.Archive()
                archive[keyPath: path] = value
                configuration.archive = archive
            }, clear: { $0.archive?[keyPath: path] = nil })
    }
}
