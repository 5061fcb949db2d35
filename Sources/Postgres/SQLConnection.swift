import CLibPQ
import ClusterModel
import Glibc
import Platform
import Synchronization

/// One libpq connection on which every call ends by its deadline, whatever the server does.
///
/// A call that misses its deadline drops the connection, because nobody knows what of it will still happen; the server
/// notices that within a second and cancels the statement (`client_connection_check_interval`). Calls block the
/// calling thread, so they belong on a thread of their own, never on PID 1's loop; two threads take turns.
package final class SQLConnection: Sendable {
    package let info: ConnectionInfo

    private struct State {
        /// nil: closed or dropped.
        var handle: OpaquePointer?
        /// Statements that this session has prepared.
        var prepared: [String: String] = [:]
    }

    private let state: Mutex<State>

    private init(info: ConnectionInfo, handle: sending OpaquePointer) {
        self.info = info
        state = Mutex(State(handle: handle))
    }

    deinit { close() }

    /// - Parameter resolver: for hosts that are names: looking those up is what libpq cannot do in bounded time.
    ///   Sockets and addresses need none.
    package static func open(
        _ info: ConnectionInfo, deadline: Instant, resolver: HostResolver? = nil
    ) throws(SQLError) -> SQLConnection {
        var keywords = info.keywords
        if !info.isLocalSocket {
            let addresses = try resolve(info.host, with: resolver, deadline: deadline)
            keywords[0].value = Array(repeating: info.host, count: addresses.count).joined(separator: ",")
            keywords.append(("hostaddr", addresses.joined(separator: ",")))
        }
        // The server gives up on statements whose client has gone.
        keywords.append(("options", info.replication ? "" : "-c client_connection_check_interval=1000"))
        keywords.append(("client_encoding", "UTF8"))
        guard let handle = start(keywords) else { throw SQLError(.unreachable, "out of memory") }
        do throws(SQLError) {
            // The only way to learn the SQLSTATE of a connection that was refused or ended.
            PQsetErrorVerbosity(handle, PQERRORS_VERBOSE)
            try connect(handle, deadline: deadline)
            PQsetNoticeProcessor(handle, { _, _ in }, nil)
            guard PQsetnonblocking(handle, 1) == 0 else { throw failure(of: handle) }
        } catch {
            PQfinish(handle)
            throw error
        }
        return SQLConnection(info: info, handle: handle)
    }

    package var isOpen: Bool { state.withLock { $0.handle != nil } }

    /// As in 150018; 0 when closed.
    package var serverVersion: Int { state.withLock { Int(PQserverVersion($0.handle)) } }

    /// The process that serves this connection; 0 when closed.
    package var backendProcess: ProcessID { state.withLock { PQbackendPID($0.handle) } }

    package func close() {
        state.withLock { state in
            if let handle = state.handle { PQfinish(handle) }
            state.handle = nil
        }
    }

    /// Runs one statement; `$1` and so on stand for the parameters. Replication commands take none.
    /// - Returns: the rows, nil for NULL; no rows when the statement has no result.
    package func query(
        _ sql: String, _ parameters: [String?] = [], deadline: Instant
    ) throws(SQLError) -> [[String?]] {
        try state.withLock { (state) throws(SQLError) -> [[String?]] in
            guard let handle = state.handle else { throw SQLError(.disconnected, "the connection is closed") }
            do throws(SQLError) {
                return try Self.run(handle, sql, parameters, deadline: deadline)
            } catch {
                if error.kind != .server {
                    PQfinish(handle)
                    state.handle = nil
                }
                throw error
            }
        }
    }

    /// As `query` for a statement that is run again and again: parsed and planned once.
    package func query(prepared sql: String, deadline: Instant) throws(SQLError) -> [[String?]] {
        try state.withLock { (state) throws(SQLError) -> [[String?]] in
            guard let handle = state.handle else { throw SQLError(.disconnected, "the connection is closed") }
            do throws(SQLError) {
                let name: String
                if let known = state.prepared[sql] {
                    name = known
                } else {
                    name = "s\(state.prepared.count)"
                    guard PQsendPrepare(handle, name, sql, 0, nil) == 1 else { throw Self.failure(of: handle) }
                    _ = try Self.results(handle, deadline: deadline)
                    state.prepared[sql] = name
                }
                guard PQsendQueryPrepared(handle, name, 0, nil, nil, nil, 0) == 1 else {
                    throw Self.failure(of: handle)
                }
                return try Self.results(handle, deadline: deadline)
            } catch {
                if error.kind != .server {
                    PQfinish(handle)
                    state.handle = nil
                }
                throw error
            }
        }
    }

    // MARK: Connecting

    private static func resolve(
        _ host: String, with resolver: HostResolver?, deadline: Instant
    ) throws(SQLError) -> [String] {
        if HostResolver.isAddress(host) { return [host] }
        guard let resolver = resolver ?? (try? HostResolver()) else {
            throw SQLError(.unreachable, "cannot look '\(host)' up: no thread for it")
        }
        return try resolver.addresses(of: host, deadline: deadline)
    }

    private static func start(_ keywords: [(name: String, value: String)]) -> OpaquePointer? {
        withCStrings(keywords.map(\.name) + [nil]) { names in
            withCStrings(keywords.map(\.value) + [nil]) { values in PQconnectStartParams(names, values, 0) }
        }
    }

    private static func connect(_ handle: OpaquePointer, deadline: Instant) throws(SQLError) {
        guard PQstatus(handle) != CONNECTION_BAD else { throw connectFailure(of: handle) }
        var next = PGRES_POLLING_WRITING
        while next != PGRES_POLLING_OK {
            if next == PGRES_POLLING_FAILED { throw connectFailure(of: handle) }
            let events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT
            try wait(handle, for: events, deadline: deadline, doing: "connecting")
            next = PQconnectPoll(handle)
        }
    }

    // MARK: Statements

    private static func run(
        _ handle: OpaquePointer, _ sql: String, _ parameters: [String?], deadline: Instant
    ) throws(SQLError) -> [[String?]] {
        let sent: Int32
        if parameters.isEmpty {
            // The simple protocol: the only one for replication commands.
            sent = PQsendQuery(handle, sql)
        } else {
            sent = withCStrings(parameters) { values in
                PQsendQueryParams(handle, sql, Int32(parameters.count), nil, values, nil, nil, 0)
            }
        }
        guard sent == 1 else { throw failure(of: handle) }
        return try results(handle, deadline: deadline)
    }

    /// Of a statement that was handed to libpq.
    private static func results(_ handle: OpaquePointer, deadline: Instant) throws(SQLError) -> [[String?]] {
        try flush(handle, deadline: deadline)
        var rows: [[String?]] = []
        var problem: SQLError?
        while let result = try nextResult(handle, deadline: deadline) {
            defer { PQclear(result) }
            switch PQresultStatus(result) {
            case PGRES_TUPLES_OK: rows = Self.rows(result)
            case PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: continue
            case PGRES_FATAL_ERROR: problem = problem ?? error(in: result)
            default: throw SQLError(.disconnected, "the statement started a COPY, which is not supported here")
            }
        }
        guard PQstatus(handle) == CONNECTION_OK else {
            throw problem.map { SQLError(.disconnected, sqlState: $0.sqlState, $0.message) } ?? failure(of: handle)
        }
        if let problem { throw problem }
        return rows
    }

    private static func flush(_ handle: OpaquePointer, deadline: Instant) throws(SQLError) {
        while true {
            switch PQflush(handle) {
            case 0: return
            case 1:
                // The server may have to get rid of an answer before it reads on.
                let ready = try wait(handle, for: POLLIN | POLLOUT, deadline: deadline, doing: "sending a statement")
                if ready & Int16(POLLIN) != 0, PQconsumeInput(handle) == 0 { throw failure(of: handle) }
            default: throw failure(of: handle)
            }
        }
    }

    private static func nextResult(_ handle: OpaquePointer, deadline: Instant) throws(SQLError) -> OpaquePointer? {
        while PQisBusy(handle) == 1 {
            try wait(handle, for: POLLIN, deadline: deadline, doing: "waiting for an answer")
            if PQconsumeInput(handle) == 0 { throw failure(of: handle) }
        }
        return PQgetResult(handle)
    }

    private static func rows(_ result: OpaquePointer) -> [[String?]] {
        let columns = 0..<PQnfields(result)
        return (0..<PQntuples(result)).map { row in
            columns.map { column in
                guard PQgetisnull(result, row, column) == 0 else { return nil }
                return PQgetvalue(result, row, column).map { String(cString: $0) }
            }
        }
    }

    // MARK: Waiting

    /// - Returns: the events that came.
    @discardableResult
    private static func wait(
        _ handle: OpaquePointer, for events: Int32, deadline: Instant, doing what: String
    ) throws(SQLError) -> Int16 {
        while true {
            let left = deadline.since(BootClock.now())
            guard left > .zero else { throw SQLError(.timedOut, "no answer by the deadline while \(what)") }
            // Rounded up, so that the last wait is not a busy loop.
            let milliseconds = Int32(clamping: (left.nanoseconds + 999_999) / 1_000_000)
            var descriptor = pollfd(fd: PQsocket(handle), events: Int16(events), revents: 0)
            let count = poll(&descriptor, 1, milliseconds)
            if count > 0 { return descriptor.revents }
            if count < 0, errno != EINTR { throw SQLError(.disconnected, "poll failed with errno \(errno)") }
        }
    }

    // MARK: Errors

    private static func message(of handle: OpaquePointer) -> String {
        let text = PQerrorMessage(handle).map { String(cString: $0) } ?? ""
        return text.split(separator: "\n").first.map(String.init) ?? "the connection broke"
    }

    /// Of a connection that broke. What the server said last, if it did, is the reason.
    private static func failure(of handle: OpaquePointer) -> SQLError {
        let text = message(of: handle)
        return SQLError(.disconnected, sqlState: SQLError.sqlState(in: text), text)
    }

    private static func connectFailure(of handle: OpaquePointer) -> SQLError {
        .connecting(PQerrorMessage(handle).map { String(cString: $0) } ?? "")
    }

    private static func error(in result: OpaquePointer) -> SQLError {
        func field(_ code: Character) -> String? {
            code.asciiValue.flatMap { PQresultErrorField(result, Int32($0)) }.map { String(cString: $0) }
        }
        // Without a SQLSTATE it is libpq's own: the connection broke.
        let state = field("C")
        let text = field("M") ?? PQresultErrorMessage(result).map { String(cString: $0) } ?? "unknown error"
        return SQLError(state == nil ? .disconnected : .server, sqlState: state, text)
    }
}

/// Calls `body` with an array of C strings that live until it returns; nil stays a null pointer.
private func withCStrings<Result>(
    _ strings: [String?], _ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> Result
) -> Result {
    let copies = strings.map { $0.flatMap { strdup($0) } }
    defer { for copy in copies { free(copy) } }
    let pointers = copies.map { $0.map { UnsafePointer($0) } }
    return pointers.withUnsafeBufferPointer { body($0.baseAddress) }
}
