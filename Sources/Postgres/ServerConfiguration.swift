import ClusterModel
import Platform

/// The configuration files of one member's server. They are wholly ours: written before every start and at every
/// reload, because base backups and pg_rewind bring those of another member.
package struct ServerConfiguration: Hashable, Sendable {
    package enum Role: Hashable, Sendable {
        case primary
        /// - upstream: where to stream from; nil: from nowhere, which stops a running WAL receiver.
        /// - slot: on the upstream; must exist there.
        case standby(upstream: ConnectionInfo?, slot: String?)
        /// The leader of a cluster that follows another: the others of its own cluster stream from it.
        case standbyLeader(RemotePrimary)

        package var isStandbyLeader: Bool { if case .standbyLeader = self { true } else { false } }
    }

    /// Another cluster, as its administrator says how to reach it.
    package struct RemotePrimary: Hashable, Sendable {
        /// In libpq's form, without a password; nil: nothing is streamed.
        package var conninfo: String?
        /// On the remote primary, where it must exist.
        package var slot: String?
        /// For the other cluster's archive; nil: as of this cluster's own.
        package var restoreCommand: String?

        package init(conninfo: String?, slot: String? = nil, restoreCommand: String? = nil) {
            self.conninfo = conninfo
            self.slot = slot
            self.restoreCommand = restoreCommand
        }
    }

    /// Logical slots that outlive a failover: PostgreSQL 17 and later copy those that were made with `failover`.
    package struct FailoverSlots: Hashable, Sendable {
        /// Of the server; nothing is written below 17.
        package var major: Int
        /// Physical slots on the primary whose standbys must have received a change before a subscriber gets it.
        package var standbySlots: [String]

        package init(major: Int, standbySlots: [String]) {
            self.major = major
            self.standbySlots = standbySlots
        }
    }

    /// Programs that hand WAL to the archiver and get it from there.
    package struct ArchiveClient: Hashable, Sendable {
        package var program: String
        /// The archiver's Unix-domain socket.
        package var socket: String
        /// Standbys archive what they receive, too.
        package var always: Bool

        package init(program: String, socket: String, always: Bool = false) {
            self.program = program
            self.socket = socket
            self.always = always
        }
    }

    package enum LogDestination: Hashable, Sendable {
        /// The logging collector writes `postgres.json` in this directory: JSON lines, into a FIFO if there is one.
        case jsonLines(directory: String)
        case standardError
    }

    package var member: MemberName
    package var dataDirectory: String
    /// Where the Unix-domain socket is; nobody else can enter it, so local connections are trusted.
    package var runDirectory: String
    package var listen: String
    package var port: Int
    package var superuser: String
    package var replicationUser: String
    /// Secrets; nil: trusted from the server's own networks.
    package var replicationPasswordFile: String?
    /// The user's settings; ours win.
    package var parameters: [String: String]
    /// The user's lines of pg_hba.conf, after ours.
    package var hostBasedAccess: [String]
    package var archive: ArchiveClient?
    package var log: LogDestination
    /// Whom commits wait for. Also a standby's file says so: it holds from the very moment of a promotion.
    package var synchronous = SynchronousSetting.none
    /// False: nobody but members and the superuser on this machine gets in.
    package var admitsClients = true
    /// A standby's `recovery_min_apply_delay`.
    package var applyDelayMilliseconds: Int64?
    package var failoverSlots: FailoverSlots?
    /// False: no restore_command, so that the archive is asked for nothing: a promotion that finds the archive out of
    /// reach would wait for it.
    package var restoresFromArchive = true

    package init(
        member: MemberName, dataDirectory: String, runDirectory: String, listen: String, port: Int, superuser: String,
        replicationUser: String, replicationPasswordFile: String? = nil, parameters: [String: String] = [:],
        hostBasedAccess: [String] = [], archive: ArchiveClient? = nil, log: LogDestination
    ) {
        self.member = member
        self.dataDirectory = dataDirectory
        self.runDirectory = runDirectory
        self.listen = listen
        self.port = port
        self.superuser = superuser
        self.replicationUser = replicationUser
        self.replicationPasswordFile = replicationPasswordFile
        self.parameters = parameters
        self.hostBasedAccess = hostBasedAccess
        self.archive = archive
        self.log = log
    }

    /// As this member's own superuser over the local socket.
    package func local(applicationName: String = "pgmahout") -> ConnectionInfo {
        ConnectionInfo(host: runDirectory, port: port, user: superuser, applicationName: applicationName)
    }

    /// As the replication user at another member. Its role may stream, be a source of pg_rewind, read the state of the
    /// server and request checkpoints: see `Bootstrap`.
    package func upstream(host: String, port: Int) -> ConnectionInfo {
        ConnectionInfo(
            host: host, port: port, user: replicationUser, applicationName: member.rawValue,
            passwordFile: replicationPasswordFile == nil ? nil : passwordFilePath)
    }

    var passwordFilePath: String { runDirectory + "/pgpass" }

    /// A restore_command that asks the archiver at this socket.
    package static func fetchCommand(_ client: ArchiveClient) -> String {
        "\(shellWord(client.program)) fetch --socket \(shellWord(client.socket)) %f %p"
    }

    // MARK: Writing

    /// Makes the directory ready for a start in `role`: signal files and configuration. Postgres must not run.
    ///
    /// As a standby, `standby.signal` is on disk before anything else changes. As a primary, it is taken away last, and
    /// only from a directory that was a primary before: anything else must be promoted, never just opened.
    package func prepareStart(_ role: Role) throws {
        let signal = dataDirectory + "/standby.signal"
        switch role {
        case .standby, .standbyLeader:
            if !Files.exists(signal) { try Files.writeDurably([UInt8](), to: signal) }
            try write(role)
        case .primary:
            let control = try ControlData.read(dataDirectory: dataDirectory)
            guard control.wasPrimary, !Files.exists(dataDirectory + "/backup_label") else {
                throw DataDirectoryError(
                    "'\(dataDirectory)' is a standby's (\(control.state)): it is promoted, not started as a primary")
            }
            try write(role)
            try Files.remove(signal)
        }
        try Files.remove(dataDirectory + "/recovery.signal")
        try Files.syncDirectory(dataDirectory)
    }

    /// Writes what changed; a reload (SIGHUP to the postmaster) makes a running server take it.
    package func write(_ role: Role) throws {
        if let file = replicationPasswordFile {
            let password = try PasswordFile.readSecret(file)
            try PasswordFile([(replicationUser, password)]).write(to: passwordFilePath)
        }
        try keepFileOfInitdb()
        try dropOverrides(managed: Set(managedSettings(role, control: nil).map(\.name)))
        let control = try? ControlData.read(dataDirectory: dataDirectory)
        try replace("postgresql.conf", by: renderSettings(role, control: control))
        try replace("pg_hba.conf", by: renderHostBasedAccess())
    }

    /// Writes whom commits wait for, and nothing else: the rest of the configuration stays as it was loaded.
    package func writeSynchronous() throws {
        try replaceSettings(in: "postgresql.conf", by: synchronousSettings)
    }

    /// Writes who is let in, and nothing else.
    package func writeAccess() throws {
        try replace("pg_hba.conf", by: renderHostBasedAccess())
        try replaceSettings(in: "postgresql.conf", by: admissionSettings)
    }

    private func replaceSettings(in name: String, by settings: [(name: String, value: String)]) throws {
        let text = try Files.readText(dataDirectory + "/" + name)
        guard text.hasPrefix(Self.header) else {
            throw DataDirectoryError("'\(dataDirectory)/\(name)' was not written by pgmahout")
        }
        try dropOverrides(managed: Set(settings.map(\.name)))
        try replace(name, by: Self.replacing(settings, in: text))
    }

    private func replace(_ name: String, by text: String) throws(SystemError) {
        let path = dataDirectory + "/" + name
        guard (try? Files.readText(path)) != text else { return }
        try Files.writeDurably(Array(text.utf8), to: path)
    }

    /// What initdb found out about the machine (time zone, locale, shared memory) stays, under another name.
    private func keepFileOfInitdb() throws(SystemError) {
        let kept = dataDirectory + "/" + Self.initdbFile
        let path = dataDirectory + "/postgresql.conf"
        guard !Files.exists(kept), Files.exists(path), try !Files.readText(path).hasPrefix(Self.header) else { return }
        try Files.renameDurably(path, to: kept)
    }

    /// `ALTER SYSTEM` would win over postgresql.conf: it may set anything but what is ours.
    private func dropOverrides(managed: Set<String>) throws(SystemError) {
        let path = dataDirectory + "/postgresql.auto.conf"
        guard let text = try? Files.readText(path) else { return }
        let kept = Self.withoutSettings(managed, text)
        if kept != text { try Files.writeDurably(Array(kept.utf8), to: path) }
    }
}
