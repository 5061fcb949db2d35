extension Schema {
    static let archivePlace = ArchivePlaceSchema(path: "archive") {
        $0.archive?.place
    } update: { configuration, change in
        var archive = configuration.archive ?? PgmahoutConfiguration.Archive()
        change(&archive.place)
        configuration.archive = archive
    }

    static let archiveSections: [SchemaSection] = [
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
                    "compressionLevel", .integer(1...9), fallback: .text("1"), into: \.compressionLevel,
                    "gzip level; above 1 costs much time for little space."),
                key(
                    "parallel", .integer(1...64), fallback: .text("2"), into: \.parallel,
                    "How many segments are in flight at once."),
            ]),
        archivePlace.s3,
    ]

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
