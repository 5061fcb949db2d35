import CTLS
import Synchronization

/// The texts that a TLS server needs, as PEM.
package struct TLSMaterial: Hashable, Sendable {
    /// The server's certificate, followed by intermediate ones.
    package var certificate: [UInt8]
    package var key: [UInt8]
    /// Authorities of clients; empty: nobody is asked for a certificate.
    package var authorities: [UInt8]

    package init(certificate: [UInt8], key: [UInt8], authorities: [UInt8] = []) {
        self.certificate = certificate
        self.key = key
        self.authorities = authorities
    }
}

package struct TLSError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
}

/// What new connections are served with; replaced as a whole when files were.
package final class TLSServer: Sendable {
    private struct State {
        var material: TLSMaterial?
        var context: TLSContext?
        var generation = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// Takes other texts, when they differ and are good; what was there stays otherwise. Connections of before end with
    /// their next answer.
    /// - Returns: whether they are other ones.
    @discardableResult
    package func replace(_ material: TLSMaterial) throws(TLSError) -> Bool {
        guard state.withLock({ $0.material }) != material else { return false }
        let context = try TLSContext(material)
        state.withLock { state in
            state.material = material
            state.context = context
            state.generation += 1
        }
        return true
    }

    /// nil: there is no certificate yet.
    package func open() -> TLSSession? {
        let (context, generation) = state.withLock { ($0.context, $0.generation) }
        return context.flatMap { TLSSession($0, generation: generation) }
    }

    package var isReady: Bool { state.withLock { $0.context != nil } }

    package var generation: Int { state.withLock { $0.generation } }
}

/// OpenSSL counts the references to it and locks what it shares.
final class TLSContext: Sendable {
    nonisolated(unsafe) let pointer: OpaquePointer

    init(_ material: TLSMaterial) throws(TLSError) {
        var message = [CChar](repeating: 0, count: 256)
        let made = material.certificate.withUnsafeBytes { certificate in
            material.key.withUnsafeBytes { key in
                material.authorities.withUnsafeBytes { authorities in
                    ctls_context_make(
                        certificate.bindMemory(to: CChar.self).baseAddress, certificate.count,
                        key.bindMemory(to: CChar.self).baseAddress, key.count,
                        authorities.bindMemory(to: CChar.self).baseAddress, authorities.count, &message, message.count)
                }
            }
        }
        guard let made else {
            throw TLSError(
                description: String(
                    decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
        pointer = made
    }

    deinit { ctls_context_free(pointer) }
}

/// One connection, from whatever carries its bytes. For one thread.
package final class TLSSession {
    package enum Reading: Hashable {
        case bytes([UInt8])
        /// More has to come.
        case more
        /// The client has said goodbye.
        case end
        /// It is no TLS, or the client's certificate is refused.
        case broken
    }

    /// Of the certificate that it is served with.
    package let generation: Int
    private let context: TLSContext
    private let pointer: OpaquePointer

    /// Bytes that are read and taken at a time.
    private static let piece = 16 << 10

    init?(_ context: TLSContext, generation: Int) {
        guard let made = ctls_session_make(context.pointer) else { return nil }
        pointer = made
        self.context = context
        self.generation = generation
    }

    deinit { ctls_session_free(pointer) }

    package func feed(_ bytes: UnsafeRawBufferPointer) -> Bool {
        ctls_feed(pointer, bytes.baseAddress, bytes.count) == 1
    }

    package func read() -> Reading {
        var status = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: Self.piece) { buffer, count in
            status = ctls_read(pointer, buffer.baseAddress, buffer.count)
            count = max(0, status)
        }
        return switch status {
        case 1...: .bytes(bytes)
        case 0: .more
        case -1: .end
        default: .broken
        }
    }

    package func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.isEmpty || ctls_write(pointer, bytes.baseAddress, bytes.count) == 1
    }

    package func end() { ctls_end(pointer) }

    /// What is to be sent; empty when there is nothing.
    package func take() -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let bytes = [UInt8](unsafeUninitializedCapacity: Self.piece) { buffer, count in
                count = max(0, ctls_take(pointer, buffer.baseAddress, buffer.count))
            }
            if bytes.isEmpty { return all }
            all += bytes
        }
    }

    /// Names that an authority vouches for; nil: the client has shown no certificate.
    package var clientNames: [String]? {
        var count = -1
        let bytes = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, used in
            count = buffer.withMemoryRebound(to: CChar.self) {
                ctls_client_names(pointer, $0.baseAddress, $0.count)
            }
            used = max(0, count)
        }
        guard count >= 0 else { return nil }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
