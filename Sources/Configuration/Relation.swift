import ClusterModel

/// What several keys must fulfil together.
struct Relation: Sendable {
    /// The key that is blamed.
    let key: String
    /// All that take part; the relation is looked at when each of them was understood.
    let keys: [String]
    let mistake: @Sendable (PgmahoutConfiguration) -> (found: String, allowed: String)?

    init(
        _ key: String, _ others: [String] = [],
        mistake: @escaping @Sendable (PgmahoutConfiguration) -> (found: String, allowed: String)?
    ) {
        self.key = key
        keys = [key] + others
        self.mistake = mistake
    }

    static let all: [Relation] =
        lease + stores + members + slots + addresses + directories + Schema.archivePlace.relations
        + Schema.recoveryRelations + Schema.standbyClusterRelations

    private static let lease: [Relation] = [
        Relation(
            "lease.giveUpAfter", ["lease.killWithin", "lease.duration", "lease.clockRateError"]
        ) { configuration in
            let lease = configuration.lease
            let stopped = (lease.giveUpAfter + lease.killWithin) * (1 + lease.clockRateError)
            let taken = lease.duration * (1 - lease.clockRateError)
            guard stopped > taken else { return nil }
            let largest = taken / (1 + lease.clockRateError) - lease.killWithin
            return (
                """
                found \(Quantities.text(lease.giveUpAfter)), with which a server may write until \
                \(seconds(stopped)) after a renewal while others take over after \(seconds(taken))
                """,
                largest > lease.renewEvery
                    ? """
                    (giveUpAfter + killWithin) * (1 + clockRateError) <= duration * (1 - clockRateError): \
                    at most \(largest.milliseconds)ms here, or a longer duration
                    """
                    : "(giveUpAfter + killWithin) * (1 + clockRateError) <= duration * (1 - clockRateError)"
            )
        },
        Relation("lease.renewEvery", ["lease.giveUpAfter"]) { configuration in
            let lease = configuration.lease
            guard lease.renewEvery >= lease.giveUpAfter else { return nil }
            return (
                "found \(Quantities.text(lease.renewEvery))",
                "less than lease.giveUpAfter (\(Quantities.text(lease.giveUpAfter))), better a quarter of it"
            )
        },
    ]

    private static let slots: [Relation] = [
        Relation("slots.logical", ["slots.permanent"]) { configuration in
            let names = configuration.slots.logical.map(\.name) + configuration.slots.permanent
            guard let again = names.indices.first(where: { names[..<$0].contains(names[$0]) }) else { return nil }
            return ("found the name '\(names[again])' again", "each name once, also beside slots.permanent")
        },
        Relation("slots.logical", ["postgres.parameters"]) { configuration in
            guard !configuration.slots.logical.isEmpty, configuration.postgres.parameters["wal_level"] == "replica"
            else { return nil }
            return ("found logical slots and wal_level: replica", "wal_level: logical in postgres.parameters, or none")
        },
    ]

    private static let addresses: [Relation] = [
        Relation("http.port", ["postgres.port"]) { configuration in
            guard configuration.http.port == configuration.postgres.port else { return nil }
            return ("found \(configuration.http.port)", "another port than postgres.port")
        },
        Relation("postgres.replicationUser", ["postgres.superuser"]) { configuration in
            guard configuration.postgres.replicationUser == configuration.postgres.superuser else { return nil }
            return ("found '\(configuration.postgres.replicationUser)'", "another role than postgres.superuser")
        },
    ]

    /// Longest path of a socket that is allowed, in bytes: the system's own limit is 107, and clients add to it.
    private static let socketPathLimit = 99

    private static let directories: [Relation] = [
        Relation("runDirectory", ["postgres.port"]) { configuration in
            let name = "/.s.PGSQL.\(configuration.postgres.port)"
            let length = configuration.runDirectory.utf8.count + name.utf8.count
            guard length > socketPathLimit else { return nil }
            return (
                "found a path with which a socket's has \(length) bytes",
                "a path of at most \(socketPathLimit - name.utf8.count) bytes"
            )
        },
        Relation("runDirectory", ["dataDirectory"]) { configuration in
            apart(
                "'\(configuration.runDirectory)'", configuration.runDirectory, "dataDirectory",
                configuration.dataDirectory)
        },
        Relation("lease.file.path", ["dataDirectory"]) { configuration in
            let path = configuration.lease.file.path
            return apart("'\(path)'", path, "dataDirectory", configuration.dataDirectory)
        },
        Relation("archive.directory", ["dataDirectory"]) { configuration in
            guard let path = configuration.archive?.place.directory else { return nil }
            return apart("'\(path)'", path, "dataDirectory", configuration.dataDirectory)
        },
        Relation("archive.directory", ["runDirectory"]) { configuration in
            guard let path = configuration.archive?.place.directory else { return nil }
            return apart("'\(path)'", path, "runDirectory", configuration.runDirectory)
        },
    ]

    /// Neither may contain the other: a data directory is replaced and removed as a whole.
    private static func apart(
        _ found: String, _ path: String, _ otherKey: String, _ other: String
    ) -> (found: String, allowed: String)? {
        let left = path.split(separator: "/").filter { $0 != "." }
        let right = other.split(separator: "/").filter { $0 != "." }
        guard left.starts(with: right) || right.starts(with: left) else { return nil }
        return ("found \(found)", "a path neither inside nor around \(otherKey) ('\(other)')")
    }

    static func seconds(_ duration: Duration) -> String { "\((duration.inSeconds * 1000).rounded() / 1000)s" }
}
