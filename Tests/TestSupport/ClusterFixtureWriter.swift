import ClusterModel
import Glibc
import Platform
import Postgres
import Synchronization

/// An application that inserts one row after the other through whichever member takes them, on a thread of its own, and
/// remembers what was acknowledged.
package final class ClusterWriter: Sendable {
    package struct Row: Sendable, Hashable {
        package let id: Int
        package let member: MemberName
        /// Just before the statement was sent, and just after the answer came.
        package let sent: Instant
        package let acknowledged: Instant
    }

    private struct State {
        var rows: [Row] = []
        var stopping = false
        var stopped = false
    }

    private let state = Mutex(State())
    private let members: [ClusterMember]
    private let patience: Duration

    /// Makes the table `written` through `primary`.
    package static func start(
        on primary: ClusterMember, among members: [ClusterMember], patience: Duration = .seconds(1)
    ) throws -> ClusterWriter {
        try primary.query("CREATE TABLE IF NOT EXISTS written (id bigint PRIMARY KEY, member text, at timestamptz)")
        let writer = ClusterWriter(members, patience)
        // The primary is tried first.
        let first = members.firstIndex { $0 === primary } ?? 0
        try WorkerThread(name: "writer").submit { writer.run(from: first) }
        return writer
    }

    private init(_ members: [ClusterMember], _ patience: Duration) {
        self.members = members
        self.patience = patience
    }

    deinit { state.withLock { $0.stopping = true } }

    package var rows: [Row] { state.withLock { $0.rows } }

    /// Waits for so many more rows.
    package func more(_ count: Int, within limit: Duration = .seconds(30)) async throws {
        let target = state.withLock { $0.rows.count } + count
        try await eventually("\(count) more rows are acknowledged", within: limit) {
            self.state.withLock { $0.rows.count } >= target
        }
    }

    /// Ends; returns all that was acknowledged.
    @discardableResult
    package func stop() async throws -> [Row] {
        state.withLock { $0.stopping = true }
        try await eventually("the writer stops") { self.state.withLock { $0.stopped } }
        return rows
    }

    /// The acknowledged rows that a member does not have.
    package func missing(on member: ClusterMember) throws -> [Row] {
        let present = Set(try member.query("SELECT id FROM written").compactMap { $0[0].flatMap { Int($0) } })
        return rows.filter { !present.contains($0.id) }
    }

    /// The longest time without an acknowledged row.
    package var longestGap: Duration {
        let rows = rows
        return zip(rows, rows.dropFirst()).map { $1.acknowledged.since($0.acknowledged) }.max() ?? .zero
    }

    private func run(from first: Int) {
        var index = first
        var id = 0
        var connection: SQLConnection?
        defer {
            connection?.close()
            state.withLock { $0.stopped = true }
        }
        while !state.withLock({ $0.stopping }) {
            let member = members[index % members.count]
            id += 1
            do {
                let open =
                    try connection
                    ?? SQLConnection.open(
                        member.connection(applicationName: "writer"), deadline: BootClock.now() + patience)
                connection = open
                let sent = BootClock.now()
                _ = try open.query(
                    "INSERT INTO written VALUES ($1, $2, now())", [String(id), member.name.rawValue],
                    deadline: sent + patience)
                let row = Row(id: id, member: member.name, sent: sent, acknowledged: BootClock.now())
                state.withLock { $0.rows.append(row) }
                usleep(2_000)
            } catch {
                connection?.close()
                connection = nil
                index += 1
                usleep(5_000)
            }
        }
    }
}
