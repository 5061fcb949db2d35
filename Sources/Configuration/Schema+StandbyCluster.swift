extension Schema {
    static let foreignArchivePlace = ArchivePlaceSchema(path: "standbyCluster.archive") {
        $0.standbyCluster?.archive?.place
    } update: { configuration, change in
        updateForeignArchive(&configuration) { change(&$0.place) }
    }

    static let standbyClusterSections: [SchemaSection] = [
        SchemaSection(
            path: "standbyCluster",
            documentation: """
                Another cluster that this whole cluster follows, or will follow once it is demoted: by streaming from its
                hosts, from its archive, or both. Whether it follows stands in the record: pgmahout cluster demote and
                promote change that, and this section alone never does.
                """,
            isOptional: true,
            keys: [
                key(
                    "initially", .choice, fallback: .text("follow"), into: \.initially,
                    "What a new cluster does: follow, as a copy of the other one, or lead, made from nothing."),
                key(
                    "hosts", .remoteHosts, fallback: .emptyList, example: "[10.0.1.1, \"10.0.1.2:5433\"]", isLive: true,
                    into: \.hosts,
                    "Members of the other cluster, or services that lead to them; all are asked who leads."),
                key(
                    "user", .roleName, fallback: .key("postgres.replicationUser"), example: "replicator", isLive: true,
                    into: \.user, "Role over there, with the attribute REPLICATION."),
                optional(
                    "passwordFile", .absolutePath, example: "/secrets/remote", into: \.passwordFile,
                    "File with its password; without it postgres.replicationPasswordFile: a copy has the same roles."),
                optional(
                    "slot", .text("1 to 63 lower-case letters, digits and _", atMost: 63), example: "west",
                    into: \.slot,
                    "Physical slot over there, which every member should have (slots.permanent). Without it WAL is kept "
                        + "as wal_keep_size says."),
                key(
                    "sslMode", .choice, fallback: .text("prefer"), isLive: true, into: \.sslMode,
                    "How TLS is asked for, in libpq's words."),
                optional(
                    "sslRootCertificateFile", .absolutePath, example: "/secrets/remote-ca.crt",
                    into: \.sslRootCertificateFile, "Certificates (PEM) of the authorities that are trusted."),
            ]),
        SchemaSection(
            path: "standbyCluster.archive",
            documentation: "The archive of the other cluster, which is only read.", isOptional: true,
            keys: [
                foreignArchivePlace.directory("Where it is."),
                SchemaKey(
                    "server", .name, fallback: .required, example: "east", isLive: false,
                    "Folder of the other cluster in the archive.",
                    load: { $0.standbyCluster?.archive?.server },
                    store: { value, configuration in updateForeignArchive(&configuration) { $0.server = value } }),
            ]),
        foreignArchivePlace.s3,
    ]

    static let standbyClusterRelations: [Relation] =
        foreignArchivePlace.relations + [
            Relation("standbyCluster.hosts") { configuration in
                guard let standby = configuration.standbyCluster, standby.hosts.isEmpty, standby.archive == nil else {
                    return nil
                }
                return ("found neither hosts nor an archive", "hosts to stream from, the section archive, or both")
            },
            Relation("standbyCluster.archive.server", ["archive.server"]) { configuration in
                guard let own = configuration.archive, let other = configuration.standbyCluster?.archive,
                    own.place == other.place, own.server == other.server
                else { return nil }
                return ("found this cluster's own archive", "the folder of the other cluster")
            },
        ]

    private static func update(
        _ configuration: inout PgmahoutConfiguration, _ change: (inout PgmahoutConfiguration.StandbyCluster) -> Void
    ) {
        var standby = configuration.standbyCluster ?? PgmahoutConfiguration.StandbyCluster()
        change(&standby)
        configuration.standbyCluster = standby
    }

    private static func updateForeignArchive(
        _ configuration: inout PgmahoutConfiguration, _ change: (inout PgmahoutConfiguration.ForeignArchive) -> Void
    ) {
        update(&configuration) { standby in
            var archive = standby.archive ?? PgmahoutConfiguration.ForeignArchive()
            change(&archive)
            standby.archive = archive
        }
    }

    private static func key<Value: Equatable>(
        _ name: String, _ kind: ValueKind<Value>, fallback: SchemaKey.Fallback, example: String = "",
        isLive: Bool = false,
        into path: any WritableKeyPath<PgmahoutConfiguration.StandbyCluster, Value> & Sendable,
        _ documentation: String
    ) -> SchemaKey {
        SchemaKey(
            name, kind, fallback: fallback, example: example, isLive: isLive, documentation,
            load: { $0.standbyCluster?[keyPath: path] },
            store: { value, configuration in update(&configuration) { $0[keyPath: path] = value } })
    }

    private static func optional<Value: Equatable>(
        _ name: String, _ kind: ValueKind<Value>, example: String,
        into path: any WritableKeyPath<PgmahoutConfiguration.StandbyCluster, Value?> & Sendable,
        _ documentation: String
    ) -> SchemaKey {
        SchemaKey(
            name, kind, fallback: .absent, example: example, isLive: true, documentation,
            load: { $0.standbyCluster?[keyPath: path] },
            store: { value, configuration in update(&configuration) { $0[keyPath: path] = value } },
            clear: { configuration in
                if configuration.standbyCluster != nil { configuration.standbyCluster?[keyPath: path] = nil }
            })
    }
}

extension ValueKind where Value == [String] {
    /// `host` or `host:port`.
    static var remoteHosts: ValueKind {
        uniqueList("a list of hosts, each with :port if it is not 5432, such as [10.0.1.1, \"10.0.1.2:5433\"]") {
            text in
            RemoteHost(text) == nil ? "host or host:port; an IPv6 address with a port as [::1]:5433" : nil
        }
    }
}

/// One server of another cluster.
package struct RemoteHost: Hashable, Sendable {
    package let host: String
    package let port: Int

    /// nil when it is neither `host` nor `host:port`.
    package init?(_ text: some StringProtocol, defaultPort: Int = 5432) {
        var rest = Substring(text)
        var name: Substring
        if rest.first == "[", let end = rest.firstIndex(of: "]") {
            name = rest[rest.index(after: rest.startIndex)..<end]
            rest = rest[rest.index(after: end)...]
        } else if rest.filter({ $0 == ":" }).count > 1 {
            name = rest
            rest = ""
        } else {
            name = rest.prefix { $0 != ":" }
            rest = rest.dropFirst(name.count)
        }
        let allowed = name.utf8.allSatisfy { byte in
            (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z"))
                || (byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")) || ".-_:".utf8.contains(byte)
        }
        guard (1...253).contains(name.utf8.count), allowed else { return nil }
        host = String(name)
        if rest.isEmpty {
            port = defaultPort
        } else {
            guard rest.first == ":", let number = Int(rest.dropFirst()), (1...65535).contains(number) else {
                return nil
            }
            port = number
        }
    }
}
