import ClusterModel
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Why the management interface cannot be offered.
package enum ManagementError: Error, Sendable, CustomStringConvertible {
    case cannotListen(host: String, port: Int, reason: String)
    case alreadyStarted

    package var description: String {
        switch self {
        case .cannotListen(let host, let port, let reason): "cannot listen on \(host) port \(port): \(reason)"
        case .alreadyStarted: "the management interface was started before"
        }
    }
}

/// The HTTP interface of a member: probes, metrics, status and control, on one thread of its own.
///
/// Every answer is made from the snapshot, so no probe ever waits for postgres, for a disk or for the lease store.
package final class ManagementServer: Sendable {
    private let configuration: ManagementConfiguration
    private let shared: ConnectionHandler.Shared
    private let running = Mutex<MultiThreadedEventLoopGroup?>(nil)

    /// - Parameters:
    ///   - now: the clock that the moments of the snapshot were taken from.
    ///   - snapshot: called on the server's thread for every request; must not block.
    ///   - onControl: called on the server's thread for every request that is allowed and understood.
    ///   - onPeer: the same for what other members ask.
    package init(
        configuration: ManagementConfiguration,
        metrics: MemberMetrics,
        now: @escaping @Sendable () -> Instant,
        snapshot: @escaping @Sendable () -> ManagementSnapshot,
        onControl: @escaping ControlHandler,
        onPeer: @escaping PeerHandler
    ) {
        self.configuration = configuration
        shared = ConnectionHandler.Shared(
            router: Router(
                gate: ControlGate(access: configuration.access, names: configuration.controllers),
                peers: PeerGate(access: configuration.peers),
                loopStall: configuration.limits.loopStall, metrics: metrics, now: now, snapshot: snapshot),
            limits: configuration.limits, connections: ConnectionTable(limit: configuration.limits.connections),
            loop: LoopGate(), onControl: onControl, onPeer: onPeer)
    }

    /// Binds the socket and begins to serve.
    /// - Returns: the port, which the system has chosen when 0 was configured.
    @discardableResult
    package func start() throws(ManagementError) -> Int {
        guard running.withLock({ $0 == nil }) else { throw .alreadyStarted }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let address = try SocketAddress.makeAddressResolvingHost(configuration.host, port: configuration.port)
            let channel = try bootstrap(group).bind(to: address).wait()
            shared.loop.open(channel.eventLoop)
            running.withLock { $0 = group }
            return channel.localAddress?.port ?? configuration.port
        } catch {
            try? group.syncShutdownGracefully()
            throw .cannotListen(host: configuration.host, port: configuration.port, reason: String(describing: error))
        }
    }

    /// Closes the socket and every connection and ends the thread. Safe to call twice.
    package func stop() {
        shared.loop.shut()
        let current = running.withLock { running in
            defer { running = nil }
            return running
        }
        try? current?.syncShutdownGracefully()
    }

    /// Connections that are open now.
    package var connectionCount: Int { shared.connections.count }

    private func bootstrap(_ group: MultiThreadedEventLoopGroup) -> ServerBootstrap {
        let shared = shared
        let tls = configuration.tls
        var decoderLimits = NIOHTTPDecoderLimitConfiguration()
        decoderLimits.maxHeaderFieldSize = shared.limits.headerBytes
        decoderLimits.maxHeaderListSize = shared.limits.headerBytes
        decoderLimits.maxHeaderFieldCount = shared.limits.headerFields
        let limits = decoderLimits
        return ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 128)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            // The handler reads when it can use what comes, and little at a time.
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4096))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let secure = tls.map { SecureChannel($0) }
                    if let secure { try channel.pipeline.syncOperations.addHandler(secure) }
                    try channel.pipeline.syncOperations.addHandlers([
                        ByteToMessageHandler(HTTPRequestDecoder(limitConfiguration: limits)),
                        HTTPResponseEncoder(),
                        ConnectionHandler(shared: shared, peer: channel.remoteAddress, secure: secure),
                    ])
                }
            }
    }
}
