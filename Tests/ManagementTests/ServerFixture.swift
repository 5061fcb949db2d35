import ClusterModel
import Synchronization
import TLS

@testable import Management

/// A value that several threads may look at and change.
final class Held<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    init(_ value: Value) { self.value = Mutex(value) }

    var current: Value { value.withLock { $0 } }

    func change<Result: Sendable>(_ body: (inout Value) -> sending Result) -> Result { value.withLock { body(&$0) } }
}

/// A server on a free port, with a clock and a snapshot that the test holds in its hands.
final class ServerFixture: Sendable {
    private struct State {
        /// Moves on only when a test says so.
        var now = Instant(nanoseconds: 1_000_000_000_000)
        var snapshot: ManagementSnapshot
        var requests: [ControlRequest] = []
        var answer: ControlHandler?
        var questions: [PeerRequest] = []
        var peerAnswer: PeerHandler?
    }

    private let held: Held<State>
    let server: ManagementServer
    let metrics = MemberMetrics()
    let port: Int

    init(
        host: String = "127.0.0.1", access: ControlAccess = .loopbackOnly, peers: PeerAccess = .closed,
        limits: ManagementLimits = ManagementLimits(), tls: TLSServer? = nil
    ) throws {
        let held = Held(State(snapshot: ManagementSnapshot.primary(at: Instant(nanoseconds: 1_000_000_000_000))))
        self.held = held
        var configuration = ManagementConfiguration(host: host, port: 0, access: access, peers: peers)
        configuration.limits = limits
        configuration.tls = tls
        server = ManagementServer(
            configuration: configuration, metrics: metrics, now: { held.current.now },
            snapshot: { held.current.snapshot },
            onControl: { request, reply in
                let answer = held.change { state in
                    state.requests.append(request)
                    return state.answer
                }
                answer?(request, reply)
            },
            onPeer: { question, reply in
                let answer = held.change { state in
                    state.questions.append(question)
                    return state.peerAnswer
                }
                answer?(question, reply)
            })
        port = try server.start()
    }

    deinit { server.stop() }

    var requests: [ControlRequest] { held.current.requests }
    var questions: [PeerRequest] { held.current.questions }

    func advance(_ span: Duration) { held.change { $0.now = $0.now + span } }

    func change(_ body: (inout ManagementSnapshot) -> Void) { held.change { body(&$0.snapshot) } }

    func onControl(_ answer: @escaping ControlHandler) { held.change { $0.answer = answer } }

    func onPeer(_ answer: @escaping PeerHandler) { held.change { $0.peerAnswer = answer } }

    func connect(receiveBuffer: Int32? = nil) throws -> RawConnection {
        try RawConnection(port: port, receiveBuffer: receiveBuffer)
    }

    func get(_ path: String, headers: [String] = []) throws -> RawConnection.Response {
        try send("GET", path, body: nil, contentType: nil, headers: headers)
    }

    func post(
        _ path: String, _ body: String = "{}", contentType: String? = "application/json", headers: [String] = []
    ) throws -> RawConnection.Response {
        try send("POST", path, body: body, contentType: contentType, headers: headers)
    }

    func delete(_ path: String, headers: [String] = []) throws -> RawConnection.Response {
        try send("DELETE", path, body: nil, contentType: nil, headers: headers)
    }

    func send(
        _ method: String, _ path: String, body: String?, contentType: String?, headers: [String]
    ) throws -> RawConnection.Response {
        let connection = try connect()
        try connection.send(Self.request(method, path, body: body, contentType: contentType, headers: headers))
        return try connection.response()
    }

    func switchover(
        _ body: String = "{}", contentType: String? = "application/json", headers: [String] = []
    ) throws -> RawConnection.Response {
        try post("/v1/switchover", body, contentType: contentType, headers: headers)
    }

    static func switchoverRequest(
        _ body: String = "{}", contentType: String? = "application/json", headers: [String] = []
    ) -> String {
        request("POST", "/v1/switchover", body: body, contentType: contentType, headers: headers)
    }

    private static func request(
        _ method: String, _ path: String, body: String?, contentType: String?, headers: [String]
    ) -> String {
        var lines = ["\(method) \(path) HTTP/1.1", "Host: x"] + headers
        if let body { lines.append("Content-Length: \(body.utf8.count)") }
        if let contentType { lines.append("Content-Type: \(contentType)") }
        return lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? "")
    }
}

extension ManagementSnapshot {
    /// A primary in good health, with a lease of four seconds.
    static func primary(at now: Instant) -> ManagementSnapshot {
        let incarnation = Incarnation(name: "pg-1", podUID: "uid", bootID: "boot")
        var status = MemberStatus(cluster: "demo", name: "pg-1", incarnation: incarnation, version: "1.2.3")
        status.role = .primary
        status.state = .running
        status.systemIdentifier = SystemIdentifier(rawValue: 7_000_000_000_000_000_001)
        status.timeline = TimelineID(3)
        status.flushed = LSN(rawValue: 0x300_0060)
        status.term = 5
        status.leader = "pg-1"
        status.ready = true
        status.readyReason = "accepts writes"
        status.candidate = true
        status.observedMillisecondsAgo = 10
        var cluster = ClusterStatus(cluster: "demo")
        cluster.leader = "pg-1"
        cluster.term = 5
        for name: MemberName in ["pg-1", "pg-2"] {
            let member = Member(
                name: name, incarnation: Incarnation(name: name, podUID: "uid", bootID: "boot"),
                api: "http://127.0.0.1:8008", postgresHost: "127.0.0.1", postgresPort: 5432)
            cluster.members.append(
                ClusterStatus.Entry(member: member, status: nil, reportedMillisecondsAgo: name == "pg-1" ? 0 : 200))
        }
        var snapshot = ManagementSnapshot(status: status, cluster: cluster, loopHeartbeat: now)
        snapshot.leaseDeadline = now + .seconds(4)
        snapshot.started = true
        return snapshot
    }
}
