import ClusterModel
import Platform
import Postgres
import Synchronization

/// What the best of the other cluster's servers says of itself.
struct RemoteAnswer: Hashable, Sendable {
    var host: ConnectionInfo.Alternative
    var identification: SystemIdentification
    var isPrimary: Bool
    /// Of its timeline; nil when it could not tell.
    var history: TimelineHistory?
}

/// How the other cluster is reached.
struct RemoteAccess: Hashable, Sendable {
    /// In the order of the configuration.
    var servers: [ConnectionInfo]
    /// A secret, and the file that libpq and postgres read it from.
    var passwordFile: (secret: String, path: String)?

    func writePasswordFile() throws {
        guard let passwordFile, let user = servers.first?.user else { return }
        try PasswordFile([(user, PasswordFile.readSecret(passwordFile.secret))]).write(to: passwordFile.path)
    }

    static func == (left: RemoteAccess, right: RemoteAccess) -> Bool { left.servers == right.servers }
    func hash(into hasher: inout Hasher) { hasher.combine(servers) }
}

/// Asks the servers of the other cluster who they are, on a thread of its own: none of them may hold anybody up.
final class RemoteWatch: Sendable {
    private let thread: WorkerThread
    private let mailbox: Mailbox<Message>
    private let resolver: HostResolver
    private let connections = Mutex<[ConnectionInfo: SQLConnection]>([:])
    private let history = Mutex<TimelineHistory?>(nil)

    init(mailbox: Mailbox<Message>) throws(SystemError) {
        self.mailbox = mailbox
        thread = try WorkerThread(name: "other-cluster", capacity: 2)
        resolver = try HostResolver()
    }

    func stop() { thread.stop() }

    /// - Parameters:
    ///   - present: whom the receiver streams from now: kept among equals.
    ///   - patience: for each of them.
    func look(_ access: RemoteAccess, present: ConnectionInfo.Alternative?, patience: Duration) -> Bool {
        thread.submit { [self] in
            let begun = BootClock.now()
            do {
                try access.writePasswordFile()
            } catch {
                _ = mailbox.post(.remoteSeen(nil, problem: "\(error)", at: begun))
                return
            }
            var best: RemoteAnswer?
            var problem: String?
            for server in access.servers {
                do throws(SQLError) {
                    let answer = try ask(server, deadline: BootClock.now() + patience)
                    if best.map({ Self.isBetter(answer, than: $0, present) }) ?? true { best = answer }
                } catch {
                    connections.withLock { $0[server] = nil }
                    problem = problem ?? "\(server.host):\(server.port): \(error)"
                }
            }
            _ = mailbox.post(.remoteSeen(best, problem: best == nil ? problem : nil, at: begun))
        }
    }

    /// Whoever is written to comes first, and on the newest timeline; else whoever is there already.
    static func isBetter(
        _ one: RemoteAnswer, than other: RemoteAnswer, _ present: ConnectionInfo.Alternative?
    ) -> Bool {
        if one.isPrimary != other.isPrimary { return one.isPrimary }
        if one.identification.timeline != other.identification.timeline {
            return one.identification.timeline > other.identification.timeline
        }
        if one.host == present || other.host == present { return one.host == present }
        return one.identification.position > other.identification.position
    }

    private func ask(_ server: ConnectionInfo, deadline: Instant) throws(SQLError) -> RemoteAnswer {
        let connection: SQLConnection
        if let open = connections.withLock({ $0[server] }), open.isOpen {
            connection = open
        } else {
            connection = try SQLConnection.open(server, deadline: deadline, resolver: resolver)
            connections.withLock { $0[server] = connection }
        }
        let identification = try SystemIdentification.take(on: connection, deadline: deadline)
        let rows = try connection.query("SELECT pg_is_in_recovery()", deadline: deadline)
        let isPrimary = rows.first?.first == "f"
        return RemoteAnswer(
            host: ConnectionInfo.Alternative(host: server.host, port: server.port), identification: identification,
            isPrimary: isPrimary,
            history: isPrimary ? known(identification.timeline, on: connection, deadline: deadline) : nil)
    }

    private func known(_ timeline: TimelineID, on connection: SQLConnection, deadline: Instant) -> TimelineHistory? {
        if let known = history.withLock({ $0 }), known.timeline == timeline { return known }
        let found = try? SystemIdentification.history(of: timeline, on: connection, deadline: deadline)
        history.withLock { $0 = found }
        return found
    }
}
