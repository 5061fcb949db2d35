extension Schema {
    static let recoveryPlace = ArchivePlaceSchema(path: "bootstrap.recovery") {
        $0.bootstrap.recovery?.place
    } update: { configuration, change in
        var recovery = configuration.bootstrap.recovery ?? PgmahoutConfiguration.Bootstrap.Recovery()
        change(&recovery.place)
        configuration.bootstrap.recovery = recovery
    }

    static let recoverySections: [SchemaSection] = [
        SchemaSection(
            path: "bootstrap.recovery",
            documentation: """
                The first data comes from an archive, this one's or that of any cluster that Barman or CloudNativePG
                archives, instead of from initdb; read once in a cluster's life. The new cluster archives under a name
                of its own, never into what it comes from. One target at most; none: as far as the archive reaches.
                """,
            isOptional: true,
            keys: [
                recoveryPlace.directory("The archive, when it is a directory."),
                key("server", .name, example: "old", into: \.server, "Folder of the former cluster in that archive."),
                key(
                    "backup", .text("the id or name of a backup", atMost: 200), example: "20260102T030405",
                    into: \.backup, "A certain backup; without it the newest that reaches the target."),
                key(
                    "targetTime", .text("a time with an offset or a zone", atMost: 100),
                    example: "2026-01-02T03:04:05Z", into: \.targetTime,
                    "Up to and with this moment, such as '2026-01-02 03:04:05 Europe/Berlin'."),
                key("targetXID", .text("a number", atMost: 20), example: "1234", into: \.targetXID, "A transaction."),
                key(
                    "targetLSN", .text("a position such as 0/3000028", atMost: 20), example: "0/3000028",
                    into: \.targetLSN, "A position in the WAL."),
                key(
                    "targetName", .text("the name of a restore point", atMost: 63), example: "before-upgrade",
                    into: \.targetName, "A restore point of pg_create_restore_point."),
                key(
                    "targetImmediate", .flag, fallback: .text("false"), into: \.targetImmediate,
                    "Only as far as the backup needs to be consistent."),
                key(
                    "exclusive", .flag, fallback: .text("false"), into: \.exclusive,
                    "Without what is exactly at the target."),
                key(
                    "timeline", .text("a number, latest or current", atMost: 10), fallback: .text("latest"),
                    into: \.timeline, "Whose ancestry is followed; current: that of the backup."),
                key(
                    "tablespaces", .tablespacePlaces, fallback: .emptyList, example: "[\"fast=/fast/pg\"]",
                    into: \.tablespaces, "Other places of tablespaces, each NAME=DIRECTORY."),
                key(
                    "parallel", .integer(1...64), fallback: .text("2"), into: \.parallel,
                    "How many parts are unpacked at once."),
            ]),
        recoveryPlace.s3,
    ]

    static let recoveryRelations: [Relation] =
        recoveryPlace.relations + [
            Relation("bootstrap.recovery.server", ["archive.server", "archive.directory"]) { configuration in
                guard let recovery = configuration.bootstrap.recovery, let archive = configuration.archive,
                    recovery.place == archive.place, recovery.server == archive.server
                else { return nil }
                return (
                    "found '\(recovery.server)', which is where this cluster archives",
                    "another archive.server: a new cluster never archives into what it was restored from"
                )
            }
        ]

    private static func key<Value: Equatable>(
        _ name: String, _ kind: ValueKind<Value>, fallback: SchemaKey.Fallback = .required, example: String = "",
        into path: any WritableKeyPath<PgmahoutConfiguration.Bootstrap.Recovery, Value> & Sendable,
        _ documentation: String
    ) -> SchemaKey {
        SchemaKey(
            name, kind, fallback: fallback, example: example, isLive: false, documentation,
            load: { $0.bootstrap.recovery?[keyPath: path] },
            store: { value, configuration in
                var recovery = configuration.bootstrap.recovery ?? PgmahoutConfiguration.Bootstrap.Recovery()
                recovery[keyPath: path] = value
                configuration.bootstrap.recovery = recovery
            })
    }

    /// A key that may be absent.
    private static func key<Value: Equatable>(
        _ name: String, _ kind: ValueKind<Value>, example: String,
        into path: any WritableKeyPath<PgmahoutConfiguration.Bootstrap.Recovery, Value?> & Sendable,
        _ documentation: String
    ) -> SchemaKey {
        SchemaKey(
            name, kind, fallback: .absent, example: example, isLive: false, documentation,
            load: { $0.bootstrap.recovery?[keyPath: path] },
            store: { value, configuration in
                var recovery = configuration.bootstrap.recovery ?? PgmahoutConfiguration.Bootstrap.Recovery()
                recovery[keyPath: path] = value
                configuration.bootstrap.recovery = recovery
            })
    }
}

extension ValueKind where Value == [String] {
    /// Where tablespaces go.
    fileprivate static var tablespacePlaces: ValueKind {
        uniqueList("a list of NAME=DIRECTORY, such as [\"fast=/fast/pg\"]") { text in
            let parts = text.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, TextRules.isAbsolutePath(String(parts[1])) else {
                return "NAME=DIRECTORY with an absolute path"
            }
            return nil
        }
    }
}
