import ClusterModel
import Platform
import Postgres
import Synchronization

/// Looks at the local server over one long-lived connection, on a thread of its own: a server that hangs makes this
/// thread wait, up to its deadline, and nothing else.
final class LocalProbe: Sendable {
    private let thread: WorkerThread
    private let mailbox: Mailbox<Message>
    /// Of knocks: a postmaster that hangs must not delay what the long-lived connection says.
    private let door: WorkerThread
    private let connection = Mutex<SQLConnection?>(nil)
    /// To a standby without a WAL receiver: it is asked for its timeline over it.
    private let replication = Mutex<SQLConnection?>(nil)

    init(mailbox: Mailbox<Message>) throws(SystemError) {
        self.mailbox = mailbox
        thread = try WorkerThread(name: "local-sql", capacity: 4)
        door = try WorkerThread(name: "local-door", capacity: 2)
    }

    /// What slots there should be; nil: leave them alone this time.
    struct SlotWish: Sendable {
        var member: MemberName
        var members: [MemberName]
        var positions: [MemberName: LSN]
        /// Further slots that every member has.
        var permanent: [String]
        var logical: [LogicalSlot] = []
    }

    /// - starting: the data directory of a server that has not answered yet: it is not asked before it says in its pid
    ///   file that it takes connections, or every try would stand in its log.
    func look(
        _ info: ConnectionInfo, run: Int, patience: Duration, starting dataDirectory: String?, slots: SlotWish?
    ) -> Bool {
        thread.submit { [self] in
            let begun = BootClock.now()
            if let dataDirectory {
                let status = PostmasterPIDFile.read(dataDirectory: dataDirectory)?.status
                guard status == "ready" || status == "standby" else {
                    _ = mailbox.post(
                        .probed(.failure(SQLError(.startingUp, "postgres is starting up")), at: begun, run: run))
                    return
                }
            }
            let result: Result<LocalReport, SQLError>
            do throws(SQLError) {
                result = .success(try report(info, begun + patience))
            } catch {
                close()
                result = .failure(error)
            }
            _ = mailbox.post(.probed(result, at: begun, run: run))
            if case .success(let report) = result, let slots { reconcile(report, slots, info) }
        }
    }

    /// Whether new connections are served, and whether its processes run: a server whose postmaster is stopped goes on
    /// answering over old connections.
    func knock(
        _ info: ConnectionInfo, run: Int, patience: Duration, postmaster: ProcessID, dataDirectory: String
    ) -> Bool {
        door.submit { [mailbox] in
            let begun = BootClock.now()
            var knock = Knock.answered
            do throws(SQLError) {
                try SQLConnection.open(info, deadline: begun + patience).close()
            } catch {
                if error.sqlState == "53300" { knock = .exhausted }
                if error.kind == .timedOut { knock = .silent }
            }
            let processes = Processes.postgres(postmaster: postmaster, dataDirectory: dataDirectory)
            let stopped = processes.count { Processes.isStopped($0) }
            // One or two may be under a debugger.
            if stopped * 2 > processes.count { knock = .stopped(stopped, of: processes.count) }
            _ = mailbox.post(.knocked(knock, at: begun, run: run))
        }
    }

    /// The server behind the connection is gone.
    func close() {
        connection.withLock { $0 = nil }
        replication.withLock { $0 = nil }
    }

    func stop() {
        thread.stop()
        door.stop()
    }

    private func report(_ info: ConnectionInfo, _ deadline: Instant) throws(SQLError) -> LocalReport {
        var second = replication.withLock { $0 }
        // Unless the server has gone meanwhile.
        defer {
            let isOpen = connection.withLock { $0 != nil }
            replication.withLock { $0 = isOpen ? second : nil }
        }
        return try LocalReport.take(on: open(info, deadline), replication: &second, deadline: deadline)
    }

    private func open(_ info: ConnectionInfo, _ deadline: Instant) throws(SQLError) -> SQLConnection {
        if let present = connection.withLock({ $0 }), present.isOpen { return present }
        let new = try SQLConnection.open(info, deadline: deadline)
        connection.withLock { $0 = new }
        return new
    }

    private func reconcile(_ report: LocalReport, _ wish: SlotWish, _ info: ConnectionInfo) {
        let plan = SlotPlan(
            report: report, member: wish.member, members: wish.members, positions: wish.positions,
            permanent: wish.permanent)
        guard !plan.isEmpty || !wish.logical.isEmpty else { return }
        let deadline = BootClock.now() + .seconds(2)
        do throws(SQLError) {
            let problems = try Slots.reconcile(plan, on: open(info, deadline), deadline: deadline)
            if !problems.isEmpty { _ = mailbox.post(.slotProblems(problems.map(\.description))) }
            let notes = try LogicalSlots.reconcile(
                wish.logical, inRecovery: report.inRecovery, info, on: open(info, deadline), deadline: deadline)
            _ = mailbox.post(.logicalSlots(notes))
        } catch {
            close()
            _ = mailbox.post(.slotProblems([error.description]))
        }
    }
}
