import Synchronization

/// An answer that is handed over as it comes in. It goes on until it ends or is cancelled, whoever holds this.
package final class HTTPStream: Sendable {
    private let cancelled = Atomic(false)
    private let wake: @Sendable () -> Void

    /// - Parameter wake: makes the thread look at `isCancelled`.
    init(wake: @escaping @Sendable () -> Void) { self.wake = wake }

    /// Ends the stream as `stopped`, unless it has ended already. From any thread; never waits. At most one call of
    /// `onHead` or `onBytes` that has begun is still on its way afterwards.
    package func cancel() {
        if !cancelled.exchange(true, ordering: .relaxed) { wake() }
    }

    var isCancelled: Bool { cancelled.load(ordering: .relaxed) }
}

/// Who gets an answer. All of it is called from the client's thread.
struct Receiver: Sendable {
    enum Form: Sendable {
        case whole(HTTPClient.Completion)
        case stream(HTTPStream, onHead: HTTPClient.OnHead, onBytes: HTTPClient.OnBytes, HTTPClient.StreamCompletion)
    }

    let form: Form

    var isCancelled: Bool {
        if case .stream(let stream, _, _, _) = form { stream.isCancelled } else { false }
    }

    func finish(_ result: Result<HTTPResponse, HTTPError>) {
        switch form {
        case .whole(let completion): completion(result)
        case .stream(_, _, _, let completion): completion(result.map { _ in () })
        }
    }
}
