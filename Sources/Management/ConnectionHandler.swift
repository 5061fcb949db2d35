import ClusterModel
import NIOCore
import NIOHTTP1

/// Serves one connection: one request at a time, in the order they came, each step within its limit of time.
///
/// Nothing is read from the socket while a request is being answered or its response being sent, so a connection
/// never holds more than one response and one read's worth of requests.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private enum Phase {
        /// For the first byte of a request.
        case waiting
        /// For the rest of a request.
        case receiving
        /// For the supervisor.
        case commanding
        /// For the client to take the response.
        case sending
        /// For the client to close: the output is shut, and what comes is thrown away.
        case closing
    }

    private enum Input {
        case part(HTTPServerRequestPart)
        case garbage(HTTPParserError)
    }

    /// What all connections of a server share.
    struct Shared: Sendable {
        let router: Router
        let limits: ManagementLimits
        let connections: ConnectionTable
        let loop: LoopGate
        let onControl: ControlHandler
        let onPeer: PeerHandler
    }

    private let shared: Shared
    private var phase = Phase.waiting
    private var inputs = CircularBuffer<Input>(initialCapacity: 0)
    private var isProceeding = false
    /// Whether the current read has brought a part of a request.
    private var hasRead = false
    private var assembler: RequestAssembler
    private var deadline: Scheduled<Void>?
    /// Tells the answer to this command from a late one to an earlier.
    private var commands: UInt64 = 0
    private var readsWhileClosing = 0

    private let secure: SecureChannel?

    init(shared: Shared, peer: SocketAddress?, secure: SecureChannel? = nil) {
        self.shared = shared
        self.secure = secure
        assembler = RequestAssembler(
            bodyBytes: shared.limits.bodyBytes, peerIsLocal: Self.isLoopback(peer?.ipAddress))
    }

    static func isLoopback(_ address: String?) -> Bool {
        guard let address else { return false }
        return address == "::1" || address.hasPrefix("127.") || address.hasPrefix("::ffff:127.")
    }

    // MARK: Reading

    func channelActive(context: ChannelHandlerContext) {
        guard shared.connections.admit(context.channel) else {
            context.close(promise: nil)
            return
        }
        arm(shared.limits.request, context)
        context.read()
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        deadline = nil
        phase = .closing
        inputs.removeAll()
        shared.connections.remove(context.channel)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        accept(.part(unwrapInboundIn(data)), context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else {
            context.close(promise: nil)
            return
        }
        accept(.garbage(error), context)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        defer { hasRead = false }
        switch phase {
        case .waiting:
            if !hasRead {
                // Bytes came, but no complete head: from now on it has to arrive in time.
                phase = .receiving
                arm(shared.limits.request, context)
            }
            context.read()
        case .receiving: context.read()
        case .commanding, .sending: break
        case .closing:
            readsWhileClosing += 1
            if readsWhileClosing > 64 { context.close(promise: nil) } else { context.read() }
        }
    }

    private func accept(_ input: Input, _ context: ChannelHandlerContext) {
        hasRead = true
        if case .closing = phase { return }
        // A request is two parts or more.
        guard inputs.count < 2 * shared.limits.pipelinedRequests else {
            context.close(promise: nil)
            return
        }
        inputs.append(input)
        proceed(context)
    }

    /// A loop, not a recursion: a response may be on its way before the call that sent it returns.
    private func proceed(_ context: ChannelHandlerContext) {
        guard !isProceeding else { return }
        isProceeding = true
        defer { isProceeding = false }
        while phase == .waiting || phase == .receiving, let input = inputs.popFirst() {
            take(input, context)
        }
    }

    private func take(_ input: Input, _ context: ChannelHandlerContext) {
        let part: HTTPServerRequestPart
        switch input {
        case .part(let next): part = next
        case .garbage(let error):
            send(RequestAssembler.refusal(of: error), to: nil, context)
            return
        }
        if phase == .waiting {
            phase = .receiving
            arm(shared.limits.request, context)
        }
        switch assembler.take(part) {
        case .more: break
        case .moreAfterContinue:
            let head = HTTPResponseHead(version: .http1_1, status: .continue)
            context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
        case .refused(let head, let response):
            send(response, to: head, closing: true, context)
        case .complete(let request): answer(request, context)
        }
    }

    // MARK: Answering

    private func answer(_ request: ManagementRequest, _ context: ChannelHandlerContext) {
        let head = request.head
        var request = request
        request.certificateNames = secure?.clientNames
        switch shared.router.route(request) {
        case .response(let response): send(response, to: head, context)
        case .control(let command):
            pass(head, within: shared.limits.command, else: Router.unanswered, context) { [shared] reply in
                shared.onControl(command) { reply(Router.response(to: $0)) }
            }
        case .peer(let question):
            pass(head, within: shared.limits.peer, else: Router.unansweredPeer, context) { [shared] reply in
                shared.onPeer(question) { reply(Router.response(to: $0)) }
            }
        }
    }

    /// Waits for the supervisor.
    private func pass(
        _ head: HTTPRequestHead, within limit: Duration, else unanswered: ManagementResponse,
        _ context: ChannelHandlerContext, ask: (@escaping @Sendable (ManagementResponse) -> Void) -> Void
    ) {
        phase = .commanding
        shared.connections.works(context.channel)
        commands += 1
        let number = commands
        arm(limit, context) { [self] in send(unanswered, to: head, context) }
        let here = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        let loop = shared.loop
        ask { response in
            loop.execute {
                let (handler, context) = here.value
                guard handler.phase == .commanding, handler.commands == number else { return }
                handler.send(response, to: head, context)
            }
        }
    }

    /// - Parameters:
    ///   - head: of the request; nil when there was none that could be read.
    ///   - closing: whether the connection ends with this response.
    private func send(
        _ response: ManagementResponse, to head: HTTPRequestHead?, closing: Bool = false,
        _ context: ChannelHandlerContext
    ) {
        phase = .sending
        shared.connections.waits(context.channel)
        arm(shared.limits.response, context)
        // Certificates that were replaced count from the next connection on.
        let ends = closing || secure?.isOutdated == true || head.map { !Self.mayFollow($0) } ?? true
        var headers = HTTPHeaders([
            ("Content-Type", response.contentType), ("Content-Length", String(response.body.count)),
            ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"),
        ])
        for (name, value) in response.headers { headers.add(name: name, value: value) }
        if ends {
            headers.add(name: "Connection", value: "close")
        } else if let head, head.version == .http1_0 {
            headers.add(name: "Connection", value: "keep-alive")
        }
        let line = HTTPResponseHead(version: .http1_1, status: response.status, headers: headers)
        context.write(wrapOutboundOut(.head(line)), promise: nil)
        if head?.method != .HEAD, !response.body.isEmpty {
            let body = context.channel.allocator.buffer(bytes: response.body)
            context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil))).assumeIsolated().whenComplete { [self] result in
            guard phase == .sending else { return }
            switch result {
            case .failure: context.close(promise: nil)
            case .success where ends: close(context)
            case .success: next(context)
            }
        }
    }

    /// Whether another request can follow on the connection: after one that asked for another protocol, the decoder
    /// reads no more.
    private static func mayFollow(_ head: HTTPRequestHead) -> Bool {
        head.isKeepAlive && head.method != .CONNECT && !head.headers.contains(name: "Upgrade")
    }

    private func next(_ context: ChannelHandlerContext) {
        phase = .waiting
        arm(shared.limits.idle, context)
        proceed(context)
        if phase == .waiting { context.read() }
    }

    /// Closing a socket that holds unread bytes resets the connection, and the client may lose the response: the output
    /// is shut first, and for a moment what comes is read and thrown away.
    private func close(_ context: ChannelHandlerContext) {
        phase = .closing
        inputs.removeAll()
        context.close(mode: .output, promise: nil)
        arm(.seconds(1), context)
        context.read()
    }

    // MARK: Limits of time

    /// Replaces the deadline of the step before. Without an action of its own the connection ends: with a word to a
    /// client that is in the middle of a request, silently otherwise.
    private func arm(_ span: Duration, _ context: ChannelHandlerContext, action: (() -> Void)? = nil) {
        deadline?.cancel()
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(span.nanoseconds)) { [self] in
            if let action {
                action()
            } else if phase == .receiving {
                send(.problem(.requestTimeout, "the request did not arrive in time"), to: nil, context)
            } else {
                context.close(promise: nil)
            }
        }
    }
}
