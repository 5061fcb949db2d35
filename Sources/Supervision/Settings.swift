import ClusterModel
import Configuration
import Glibc
import Leadership
import Logs
import Platform
import Postgres

/// A configuration and what follows from it.
struct LoadedConfiguration: Sendable {
    let configuration: PgmahoutConfiguration
    let programs: Programs

    /// Our own programs, side by side in one directory.
    struct Programs: Sendable {
        let manager: String
        let guardian: String
        let walClient: String

        init() {
            let own = (try? Files.linkTarget("/proc/self/exe")) ?? "/usr/bin/pgmahout"
            let directory = own.split(separator: "/").dropLast().map { "/" + $0 }.joined()
            manager = own
            guardian = directory + "/pgmahout-guard"
            walClient = directory + "/pgmahout-wal"
        }
    }

    var logDirectory: String { configuration.runDirectory + "/log" }
    /// Where PostgreSQL's logging collector writes JSON lines: a FIFO.
    var logFIFO: String { logDirectory + "/" + PostgresLogFIFOs.jsonName }
    var archiverSocket: String { configuration.runDirectory + "/archiver.sock" }

    var leadership: LeadershipSettings {
        var settings = LeadershipSettings(
            duration: configuration.lease.duration, renewEvery: configuration.lease.renewEvery,
            giveUpAfter: configuration.lease.giveUpAfter, killWithin: configuration.lease.killWithin,
            maximumLag: configuration.replication.maximumLag,
            crashRestartBudget: configuration.failover.crashRestartBudget,
            unresponsiveBudget: configuration.failover.unresponsiveBudget,
            // Peers are asked every second period; one answer may be late.
            reportLifetime: configuration.lease.renewEvery * 2 + .milliseconds(1500),
            synchronousMode: configuration.synchronous.mode, synchronousCount: configuration.synchronous.count,
            quorumTakeOverAfter: configuration.lease.quorumTakeOverAfter,
            bootstrapPatience: configuration.bootstrap.patience)
        settings.historyPatience = configuration.archive?.historyWait ?? .zero
        return settings
    }

    var server: ServerConfiguration {
        let postgres = configuration.postgres
        var server = ServerConfiguration(
            member: configuration.member, dataDirectory: configuration.dataDirectory,
            runDirectory: configuration.runDirectory, listen: postgres.listen, port: postgres.port,
            superuser: postgres.superuser, replicationUser: postgres.replicationUser,
            replicationPasswordFile: postgres.replicationPasswordFile, parameters: postgres.parameters,
            hostBasedAccess: postgres.hba,
            archive: configuration.archive.map { archive in
                ServerConfiguration.ArchiveClient(
                    program: programs.walClient, socket: archiverSocket, always: archive.always)
            }, log: .jsonLines(directory: logDirectory))
        server.applyDelayMilliseconds = configuration.traits.applyDelayMilliseconds
        return server
    }

    /// What is said of another cluster to follow.
    var standbySource: StandbySource? {
        configuration.standbyCluster.map {
            StandbySource(
                followsFirst: $0.initially == .follow, streams: !$0.hosts.isEmpty, restores: $0.archive != nil)
        }
    }

    /// A server of the worker that reads the other cluster's archive; nil: there is none to read.
    var foreignArchiveClient: ServerConfiguration.ArchiveClient? {
        configuration.standbyCluster?.archive.map { _ in
            ServerConfiguration.ArchiveClient(program: programs.walClient, socket: foreignArchiverSocket)
        }
    }

    var foreignArchiverSocket: String { configuration.runDirectory + "/remote.sock" }

    /// - Parameter present: the server that is best now; it comes first.
    /// - Returns: nil when there are no hosts.
    func remoteAccess(_ remote: RemoteCluster, present: ConnectionInfo.Alternative?) -> RemoteAccess? {
        let standby = configuration.standbyCluster
        let texts = remote.host.map { $0.split(separator: ",").map(String.init) } ?? standby?.hosts ?? []
        var hosts = texts.compactMap { RemoteHost($0, defaultPort: remote.port) }
            .map { ConnectionInfo.Alternative(host: $0.host, port: $0.port) }
        if let present, let index = hosts.firstIndex(of: present) { hosts.insert(hosts.remove(at: index), at: 0) }
        guard !hosts.isEmpty else { return nil }
        let secret = standby?.passwordFile ?? configuration.postgres.replicationPasswordFile
        let path = configuration.runDirectory + "/pgpass-remote"
        let servers = hosts.map { host in
            var info = ConnectionInfo(
                host: host.host, port: host.port,
                user: standby.map(\.user) ?? configuration.postgres.replicationUser,
                // Never a member's name: the other cluster may have one of the same, and would count on it.
                applicationName: "\(configuration.cluster)/\(configuration.member)",
                passwordFile: secret == nil ? nil : path, replication: true)
            if let standby {
                info.sslMode = standby.sslMode.rawValue
                info.sslRootCertificate = standby.sslRootCertificateFile
            }
            return info
        }
        return RemoteAccess(servers: servers, passwordFile: secret.map { ($0, path) })
    }

    var initialSettings: Tools.InitialSettings {
        let initdb = configuration.bootstrap.initdb
        return Tools.InitialSettings(
            superuser: configuration.postgres.superuser, encoding: initdb.encoding, locale: initdb.locale,
            dataChecksums: initdb.dataChecksums, walSegmentSize: initdb.walSegmentSize, options: initdb.options)
    }

    var stopEscalation: Escalation {
        .orderly(
            smart: configuration.shutdown.smart, fast: configuration.shutdown.fast,
            immediate: configuration.shutdown.immediate)
    }

    /// This run's own entry of the record.
    func member(bootID: String) -> Member {
        Member(
            name: configuration.member,
            incarnation: Incarnation(name: configuration.member, podUID: podUID, bootID: bootID),
            api: configuration.apiURL, postgresHost: configuration.postgres.host,
            postgresPort: configuration.postgres.port, traits: configuration.traits)
    }

    /// Outside Kubernetes: this boot of this machine and this data directory. Two runs with the same value cannot be
    /// alive at once, because the second does not get the lock of the directory.
    var podUID: String {
        if !configuration.podUID.isEmpty { return configuration.podUID }
        let boot = (try? Files.readText("/proc/sys/kernel/random/boot_id", limit: 64))?.prefix(8) ?? "unknown"
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in configuration.dataDirectory.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return "\(boot)-\(String(hash, radix: 16))"
    }
}
