import ClusterModel
import Management
import Synchronization

/// The interface that members really offer, on a free port, without a member behind it.
final class FakeMember: Sendable {
    private final class Received: Sendable {
        let commands = Mutex<[SwitchoverCommand]>([])
    }

    let base: String
    private let server: ManagementServer
    private let received = Received()

    /// - Parameters:
    ///   - cluster: what `GET /v1/cluster` answers; called for every request.
    ///   - answer: what the supervisor would say to a request for a switchover.
    init(
        access: ControlAccess = .loopbackOnly, answer: SwitchoverAnswer = .accepted(id: "a"),
        cluster: @escaping @Sendable () -> ClusterStatus = { ClusterStatus(cluster: "demo") }
    ) throws {
        let incarnation = Incarnation(name: "pg-1", podUID: "", bootID: "b")
        let status = MemberStatus(cluster: "demo", name: "pg-1", incarnation: incarnation, version: "1")
        let received = received
        server = ManagementServer(
            configuration: ManagementConfiguration(host: "127.0.0.1", port: 0, access: access),
            metrics: MemberMetrics(), now: { Instant(nanoseconds: 1) },
            snapshot: {
                ManagementSnapshot(status: status, cluster: cluster(), loopHeartbeat: Instant(nanoseconds: 1))
            },
            onSwitchover: { command, reply in
                received.commands.withLock { $0.append(command) }
                reply(answer)
            })
        base = "http://127.0.0.1:\(try server.start())"
    }

    deinit { server.stop() }

    var commands: [SwitchoverCommand] { received.commands.withLock { $0 } }
}
