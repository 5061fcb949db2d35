extension Schema {
    static let storageSections: [SchemaSection] = [
        SchemaSection(
            path: "ballast", documentation: "Room on the disk of the data directory that is kept back for a bad day.",
            keys: [
                SchemaKey(
                    "size", .bytes(0...(1 << 40)), fallback: .text("64MiB"), isLive: true, into: \.ballast.size,
                    "Freed when the disk is full, so that the server can come up again; 0B keeps none back.")
            ]),
        SchemaSection(
            path: "slots", documentation: "Replication slots beside those of the members.",
            keys: [
                SchemaKey(
                    "permanent", .slotNames, fallback: .emptyList, example: "[backup_tool]", isLive: true,
                    into: \.slots.permanent, "Physical slots that are there whoever leads. The same for all members."),
                SchemaKey(
                    "logical", .logicalSlots, fallback: .emptyList, example: "[orders@app/pgoutput]", isLive: true,
                    into: \.slots.logicalTexts,
                    """
                    Logical slots that the primary makes and that outlive a failover, as name@database/plugin. The same
                    for all members. PostgreSQL 17 or later; wal_level is logical then.
                    """),
            ]),
        SchemaSection(
            path: "divergedWAL",
            documentation: "WAL that a former primary had written and nobody had received, kept when it rejoins.",
            keys: [
                SchemaKey(
                    "keep", .integer(0...100), fallback: .text("3"), isLive: true, into: \.divergedWAL.keep,
                    "How many such sets are kept, the newest; 0 keeps none.")
            ]),
    ]
}
