import ClusterModel
import Platform

/// One `pgmahout-wal` at the other end: a line in, a line out.
final class ArchiverConnection {
    let socket: FileDescriptor
    /// When an unfinished request is given up.
    let patience: Instant
    private var received: [UInt8] = []
    private(set) var hasAsked = false

    init(_ socket: consuming FileDescriptor, patience: Instant) {
        self.socket = socket
        self.patience = patience
    }

    enum Event: Hashable {
        /// Nothing complete yet.
        case pending
        case request(String)
        /// Hung up, or not a client of ours.
        case gone
    }

    /// After the descriptor became readable.
    func receive() -> Event {
        let bytes: [UInt8]
        do throws(SystemError) { bytes = try socket.read(upTo: 4096) } catch {
            return error.wouldBlock ? .pending : .gone
        }
        // After its request a client has nothing more to say but goodbye.
        guard !bytes.isEmpty, !hasAsked else { return .gone }
        received += bytes
        guard let end = received.firstIndex(of: UInt8(ascii: "\n")) else {
            return received.count < ArchiverRequest.longestLine ? .pending : .gone
        }
        hasAsked = true
        return .request(String(decoding: received[..<end], as: UTF8.self))
    }

    /// Never blocks: a line fits into the socket's buffer, and who does not take it has gone.
    func answer(_ reply: ArchiverReply) {
        do throws(SystemError) { try socket.write(reply.line.utf8) } catch { return }
    }
}
