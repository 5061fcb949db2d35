import ClusterModel
import Management
import Synchronization

/// The interface that members really offer, on a free port, without a member behind it.
final class FakeMember: Sendable {
    private final class Received: Sendable {
        let requests = Mutex<[ControlRequest]>([])
    }

    let base: String
    private let server: ManagementServer
    private let received = Received()

    /// - Parameters:
    ///   - cluster: what `GET /v1/cluster` answers; called for every request.
    ///   - answer: what the supervisor would say to a request.
    init(
        access: ControlAccess = .loopbackOnly, history: TransitionHistory = TransitionHistory(),
        answer: @escaping @Sendable (ControlRequest) -> ControlAnswer = { _ in .accepted(id: "a") },
        cluster: @escaping @Sendable () -> ClusterStatus = { ClusterStatus(cluster: "demo") }
    ) throws {
        let incarnation = Incarnation(name: "pg-1", podUID: "", bootID: "b")
        let status = MemberStatus(cluster: "demo", name: "pg-1", incarnation: incarnation, version: "1")
        let received = received
        server = ManagementServer(
            configuration: ManagementConfiguration(host: "127.0.0.1", port: 0, access: access),
            metrics: MemberMetrics(), now: { Instant(nanoseconds: 1) },
            snapshot: {
                var snapshot = ManagementSnapshot(
                    status: status, cluster: cluster(), loopHeartbeat: Instant(nanoseconds: 1))
                snapshot.history = history
                return snapshot
            },
            onControl: { request, reply in
                received.requests.withLock { $0.append(request) }
                reply(answer(request))
            },
            onPeer: { _, reply in reply(nil) })
        base = "http://127.0.0.1:\(try server.start())"
    }

    deinit { server.stop() }

    var requests: [ControlRequest] { received.requests.withLock { $0 } }
}
