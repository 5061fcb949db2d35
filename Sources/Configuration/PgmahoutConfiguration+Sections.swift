import ClusterModel

extension PgmahoutConfiguration {
    package struct Postgres: Hashable, Sendable {
        /// Where `postgres`, `initdb`, `pg_basebackup` and `pg_rewind` are.
        package var binDirectory = ""
        /// `listen_addresses`.
        package var listen = ""
        /// What other members connect to.
        package var host = ""
        package var port = 0
        package var superuser = ""
        package var superuserPasswordFile: String?
        package var replicationUser = ""
        /// nil: replication is trusted.
        package var replicationPasswordFile: String?
        /// For postgresql.conf; names in lower case, none of them managed.
        package var parameters: [String: String] = [:]
        /// Lines of pg_hba.conf that come after our own.
        package var hba: [String] = []
        init() {}
    }

    package struct Bootstrap: Hashable, Sendable {
        package struct InitDB: Hashable, Sendable {
            package var encoding = ""
            package var locale = ""
            package var dataChecksums = false
            /// Bytes; a power of two from 1 MiB to 1 GiB.
            package var walSegmentSize: UInt64 = 0
            /// Further arguments of initdb, one each.
            package var options: [String] = []
            init() {}
        }

        /// An archive that the cluster's first data comes from. Targets are text here; who carries them out reads them.
        package struct Recovery: Hashable, Sendable {
            package var place = ArchivePlace()
            package var server = ""
            /// Id or name; nil: the newest that reaches the target.
            package var backup: String?
            package var targetTime: String?
            package var targetXID: String?
            package var targetLSN: String?
            package var targetName: String?
            package var targetImmediate = false
            package var exclusive = false
            package var timeline = ""
            /// Other places of tablespaces, each `NAME=DIRECTORY`.
            package var tablespaces: [String] = []
            package var parallel = 0
            init() {}
        }

        /// How long a member without data waits over a missing record; zero: not at all.
        package var patience = Duration.zero
        package var initdb = InitDB()
        /// nil: a new cluster is made by initdb.
        package var recovery: Recovery?
        init() {}
    }

    package struct HTTP: Hashable, Sendable {
        package var listen = ""
        package var port = 0
        /// Host part of the address that other members use.
        package var advertise = ""
        /// nil: calls that change something are answered on loopback only.
        package var tokenFile: String?
        package var tls = TLS()
        init() {}
    }

    /// TLS beside plain HTTP on the same port, PEM files; all nil: none.
    package struct TLS: Hashable, Sendable {
        package var certificateFile: String?
        package var keyFile: String?
        /// Authorities of client certificates, and of the other members'.
        package var caFile: String?
        /// Names of client certificates that may change things.
        package var controllers: [String] = []
        init() {}
    }

    package struct Replication: Hashable, Sendable {
        /// Bytes behind the primary beyond which a replica is not ready and never stands for election.
        package var maximumLag: UInt64 = 0
        init() {}
    }

    package struct Failover: Hashable, Sendable {
        /// How long a crashed primary may take to come back in place before it hands over.
        package var crashRestartBudget = Duration.zero
        /// How long a primary's postgres may fail to answer before it hands over.
        package var unresponsiveBudget = Duration.zero
        init() {}
    }

    /// How commits wait for standbys.
    package struct Synchronous: Hashable, Sendable {
        package var mode = SynchronousMode.off
        /// Standbys that must have flushed a commit before it is acknowledged.
        package var count = 0
        init() {}
    }

    package struct Peers: Hashable, Sendable {
        /// nil: members neither consent to each other nor vote.
        package var secretFile: String?
        /// Members know each other by their certificates instead.
        package var certificates = false
        /// Members can consent to each other and vote.
        package var knowEachOther: Bool { secretFile != nil || certificates }
        init() {}
    }

    package struct Ballast: Hashable, Sendable {
        /// Bytes that are kept back on the disk of the data directory; 0: none.
        package var size: UInt64 = 0
        init() {}
    }

    package struct Slots: Hashable, Sendable {
        /// Physical slots that every member has, whoever leads.
        package var permanent: [String] = []
        /// Logical slots that outlive a failover.
        package var logicalTexts: [String] = []
        package var logical: [LogicalSlot] { logicalTexts.compactMap { LogicalSlot($0) } }
        init() {}
    }

    package struct DivergedWAL: Hashable, Sendable {
        /// Sets of WAL files, one for each time a former primary was rewound or cloned; 0: none.
        package var keep = 0
        init() {}
    }

    /// Bounds of the stages of a stop; zero skips a stage.
    package struct Shutdown: Hashable, Sendable {
        package var smart = Duration.zero
        package var fast = Duration.zero
        package var immediate = Duration.zero
        init() {}
    }

    package struct Archive: Hashable, Sendable {
        package var place = ArchivePlace()
        /// Name of the server's folder in the archive.
        package var server = ""
        /// `archive_mode = always`.
        package var always = false
        /// gzip level, 1 to 9.
        package var compressionLevel = 0
        /// Segments in flight at once.
        package var parallel = 0
        /// How long clients wait after a promotion for its history file to be in the archive.
        package var historyWait = Duration.zero
        /// Between two looks at how far WAL is flushed; nil: what is behind the last whole segment is not shipped.
        package var tailInterval: Duration?
        /// A policy of retention, in its own words; nil: nothing is deleted because of its age.
        package var retention: String?
        /// Good backups that retention never goes below; at least 1.
        package var minimumRedundancy = 1
        package var jobs = Jobs()
        package var backup = Backup()
        package var dump = Dump()
        package var drill = Drill()
        package var verify = Verify()
        init() {}
    }

    /// Another cluster that this whole cluster follows, or may follow.
    package struct StandbyCluster: Hashable, Sendable {
        package enum Initially: String, Hashable, Sendable, CaseIterable {
            case follow, lead
        }

        package enum SSLMode: String, Hashable, Sendable, CaseIterable {
            case disable, allow, prefer, require
            case verifyCA = "verify-ca"
            case verifyFull = "verify-full"
        }

        package var initially = Initially.follow
        /// Each `host` or `host:port`.
        package var hosts: [String] = []
        package var user = ""
        /// nil: that of the own cluster's replication user.
        package var passwordFile: String?
        package var slot: String?
        package var sslMode = SSLMode.prefer
        package var sslRootCertificateFile: String?
        package var archive: ForeignArchive?
        init() {}
    }

    /// Another cluster's archive: only read.
    package struct ForeignArchive: Hashable, Sendable {
        package var place = ArchivePlace()
        package var server = ""
        init() {}
    }

    package struct Log: Hashable, Sendable {
        /// Raw values are those of swift-log's `Logger.Level`.
        package enum Level: String, Hashable, Sendable, CaseIterable {
            case trace, debug, info, notice, warning, error, critical
        }

        package enum Format: String, Hashable, Sendable, CaseIterable {
            case json, text
        }

        package var level = Level.info
        package var format = Format.json
        init() {}
    }
}
