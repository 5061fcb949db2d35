extension Schema {
    static let archivePlace = ArchivePlaceSchema(path: "archive") {
        $0.archive?.place
    } update: { configuration, change in
        var archive = configuration.archive ?? PgmahoutConfiguration.Archive()
        change(&archive.place)
        configuration.archive = archive
    }

    static let archiveSections: [SchemaSection] =
        [
            SchemaSection(
                path: "archive",
                documentation: """
                    WAL and base backups in barman's layout, in a directory or in a bucket: one of the two. Without this
                    section nothing is archived.
                    """,
                isOptional: true,
                keys: [
                    archivePlace.directory("Where the archive is, on storage that outlives this member."),
                    key(
                        "server", .name, fallback: .key("cluster"), example: "demo", into: \.server,
                        "Folder of this cluster in the archive. A restored cluster needs another one."),
                    key(
                        "always", .flag, fallback: .text("false"), into: \.always,
                        """
                        A cluster that follows another one fills its archive, too (archive_mode = always). Otherwise that
                        begins when it is promoted.
                        """),
                    key(
                        "compressionLevel", .integer(1...9), fallback: .text("1"), into: \.compressionLevel,
                        "gzip level; above 1 costs much time for little space."),
                    key(
                        "parallel", .integer(1...64), fallback: .text("2"), into: \.parallel,
                        "How many segments are in flight at once."),
                    key(
                        "historyWait", .duration(.zero ... .seconds(60)), fallback: .text("1s"), into: \.historyWait,
                        """
                        After a promotion clients wait so long at most until the archive has the history file of the new
                        timeline, which proves that nobody else has made a timeline of that number. 0s: not at all.
                        """),
                ] + retentionKeys),
            SchemaSection(
                path: "archive.tail",
                documentation: """
                    Shipping of the WAL behind the last whole segment, so that the loss of all members at once costs less
                    than a segment. Each piece is an object of its own: at a bucket that charges for requests, mind the price.
                    """,
                isOptional: true,
                keys: [
                    key(
                        "interval", .durationOrOff(.milliseconds(100) ... .seconds(600)), fallback: .text("off"),
                        into: \.tailInterval, "How often, while there is something new; such as 250ms. off: never.")
                ]),
            archivePlace.s3,
        ] + jobSections

    /// A key of a section that may be missing as a whole.
    private static func key<Value: Equatable>(
        _ name: String, _ kind: ValueKind<Value>, fallback: SchemaKey.Fallback = .required, example: String = "",
        into path: any WritableKeyPath<PgmahoutConfiguration.Archive, Value> & Sendable, _ documentation: String
    ) -> SchemaKey {
        SchemaKey(
            name, kind, fallback: fallback, example: example, isLive: false, documentation,
            load: { $0.archive?[keyPath: path] },
            store: { value, configuration in
                var archive = configuration.archive ?? PgmahoutConfiguration.Archive()
                archive[keyPath: path] = value
                configuration.archive = archive
            })
    }
}
