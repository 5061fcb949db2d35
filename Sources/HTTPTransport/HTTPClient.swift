import ClusterModel
import Platform
import Synchronization

/// Sends requests, all in parallel, from one thread that starts with the first of them. Connections are kept for
/// later requests. Costs nothing while nothing is in flight.
package final class HTTPClient: Sendable {
    package typealias Completion = @Sendable (Result<HTTPResponse, HTTPError>) -> Void
    package typealias OnHead = @Sendable (HTTPResponseHead) -> Void
    package typealias OnBytes = @Sendable ([UInt8]) -> Void
    package typealias StreamCompletion = @Sendable (Result<Void, HTTPError>) -> Void

    private enum State {
        case idle
        case running(TransferLoop)
        case stopped
    }

    private let state = Mutex(State.idle)
    private let name: String
    private let maximumInFlight: Int

    /// - Parameters:
    ///   - name: of the thread, as `ps -L` shows it; cut to 15 bytes.
    ///   - maximumInFlight: requests and streams that are accepted at once; more are `overloaded`.
    package init(name: String = "http-client", maximumInFlight: Int = 64) {
        self.name = name
        self.maximumInFlight = maximumInFlight
    }

    deinit { stop() }

    /// Never waits. `completion` is called exactly once, from the client's thread or before this returns: it must
    /// not block.
    package func send(_ request: HTTPRequest, completion: @escaping Completion) {
        do throws(HTTPError) {
            try loop().submit(request, Receiver(form: .whole(completion)))
        } catch {
            completion(.failure(error))
        }
    }

    /// Hands an answer over as it comes in. Never waits. `onHead` is called once, with the final answer's head,
    /// before any `onBytes`; `completion` exactly once and last: success when the answer is complete, whatever its
    /// status. All are called from the client's thread, or `completion` before this returns: they must not block.
    /// `request.timeout` bounds the whole stream.
    @discardableResult
    package func stream(
        _ request: HTTPRequest, onHead: @escaping OnHead, onBytes: @escaping OnBytes,
        completion: @escaping StreamCompletion
    ) -> HTTPStream {
        do throws(HTTPError) {
            let loop = try loop()
            let stream = HTTPStream { loop.wake() }
            try loop.submit(
                request, Receiver(form: .stream(stream, onHead: onHead, onBytes: onBytes, completion)))
            return stream
        } catch {
            completion(.failure(error))
            return HTTPStream {}
        }
    }

    /// As `send`, but waits for the answer, for `request.timeout` at most. Not for completions: they run on the thread
    /// that has to bring the answer.
    package func sendAndWait(_ request: HTTPRequest) throws(HTTPError) -> HTTPResponse {
        let answer: Mailbox<Result<HTTPResponse, HTTPError>>
        do { answer = try Mailbox(capacity: 1) } catch { throw .invalid("\(error)") }
        send(request) { answer.post($0) }
        // The thread keeps the time; this is for one that does not come round to it.
        let deadline = BootClock.now() + request.timeout + .seconds(1)
        _ = Poll.wait([answer.wakeDescriptor], until: deadline)
        guard let result = answer.drain().first else { throw .timedOut }
        return try result.get()
    }

    /// Ends all requests in flight as `stopped`, and every later one. Does not wait for it.
    package func stop() {
        let running: TransferLoop? = state.withLock { state in
            defer { state = .stopped }
            return if case .running(let loop) = state { loop } else { nil }
        }
        running?.stop()
    }

    private func loop() throws(HTTPError) -> TransferLoop {
        try state.withLock { state throws(HTTPError) in
            switch state {
            case .running(let loop): return loop
            case .stopped: throw .stopped
            case .idle:
                let loop = try TransferLoop(name: name, maximumInFlight: maximumInFlight)
                state = .running(loop)
                return loop
            }
        }
    }
}
