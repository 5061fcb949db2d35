import NIOCore
import TLS

/// TLS in front of HTTP, on the same port: a client that begins with a handshake gets TLS, any other plain HTTP. Probes
/// of a kubelet and scrapers have no certificate, and what they read is no secret.
final class SecureChannel: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    private enum Mode {
        case undecided
        case plain
        case secure(TLSSession)
    }

    /// First byte of every TLS handshake; no method of HTTP begins with it.
    private static let handshake: UInt8 = 0x16

    private let server: TLSServer
    private var mode = Mode.undecided

    init(_ server: TLSServer) { self.server = server }

    /// Names of the client's certificate; nil without one.
    var clientNames: [String]? { if case .secure(let session) = mode { session.clientNames } else { nil } }

    /// The certificates have been replaced since the connection began.
    var isOutdated: Bool {
        if case .secure(let session) = mode { session.generation != server.generation } else { false }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        if case .undecided = mode { decide(by: buffer) }
        guard case .secure(let session) = mode else { return context.fireChannelRead(data) }
        guard buffer.withUnsafeReadableBytes({ session.feed($0) }) else { return context.close(promise: nil) }
        while true {
            let reading = session.read()
            send(session, context)
            switch reading {
            case .bytes(let bytes): context.fireChannelRead(wrapInboundOut(ByteBuffer(bytes: bytes)))
            case .more: return
            case .end, .broken: return context.close(promise: nil)
            }
        }
    }

    private func decide(by buffer: ByteBuffer) {
        guard let first = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) else { return }
        mode = first == Self.handshake ? server.open().map { .secure($0) } ?? .plain : .plain
    }

    private func send(_ session: TLSSession, _ context: ChannelHandlerContext) {
        let bytes = session.take()
        guard !bytes.isEmpty else { return }
        context.writeAndFlush(wrapOutboundOut(.byteBuffer(ByteBuffer(bytes: bytes))), promise: nil)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .secure(let session) = mode, case .byteBuffer(let buffer) = unwrapOutboundIn(data) else {
            return context.write(data, promise: promise)
        }
        guard buffer.withUnsafeReadableBytes({ session.write($0) }) else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return context.close(promise: nil)
        }
        context.write(wrapOutboundOut(.byteBuffer(ByteBuffer(bytes: session.take()))), promise: promise)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if case .secure(let session) = self.mode, mode != .input {
            session.end()
            send(session, context)
        }
        context.close(mode: mode, promise: promise)
    }
}
