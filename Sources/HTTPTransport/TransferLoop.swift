import CCurl
import CCurlShim
import Platform
import Synchronization

/// The thread of a client, with the libcurl handle that carries all its transfers.
final class TransferLoop: Sendable {
    private struct Inbox {
        var waiting: [(request: HTTPRequest, completion: HTTPClient.Completion)] = []
        var inFlight = 0
        var stopped = false
        /// Whether `multi` may still be used by other threads.
        var alive = true
    }

    /// Used by the thread alone, but for waking it, which libcurl allows: under the lock of `inbox`, while `alive`.
    nonisolated(unsafe) private let multi: UnsafeMutableRawPointer
    private let inbox = Mutex(Inbox())
    private let maximumInFlight: Int

    private static let libraryIsReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    init(name: String, maximumInFlight: Int) throws(HTTPError) {
        guard Self.libraryIsReady, let multi = curl_multi_init() else { throw .invalid("libcurl cannot be used") }
        self.multi = multi
        self.maximumInFlight = maximumInFlight
        ccs_multi_set_long(multi, CURLMOPT_MAXCONNECTS, Self.connectionsKept)
        do {
            try WorkerThread(name: name, capacity: 1).submit { self.run() }
        } catch {
            curl_multi_cleanup(multi)
            throw .invalid("\(error)")
        }
    }

    func submit(_ request: HTTPRequest, _ completion: @escaping HTTPClient.Completion) throws(HTTPError) {
        try inbox.withLock { inbox throws(HTTPError) in
            guard !inbox.stopped else { throw .stopped }
            guard inbox.inFlight < maximumInFlight else { throw .overloaded }
            inbox.inFlight += 1
            inbox.waiting.append((request, completion))
            curl_multi_wakeup(multi)
        }
    }

    func stop() {
        inbox.withLock { inbox in
            inbox.stopped = true
            if inbox.alive { curl_multi_wakeup(multi) }
        }
    }

    // MARK: - On the thread

    private func run() {
        var transfers: [UnsafeMutableRawPointer: Transfer] = [:]
        while true {
            let (arrived, stopped) = inbox.withLock { inbox in
                defer { inbox.waiting = [] }
                return (inbox.waiting, inbox.stopped)
            }
            for (request, completion) in arrived {
                guard !stopped else { finish(completion, .failure(.stopped)); continue }
                if let transfer = begin(request, completion) { transfers[transfer.easy] = transfer }
            }
            if stopped { return end(transfers) }
            var running: Int32 = 0
            curl_multi_perform(multi, &running)
            var outcome = CURLE_OK
            while let easy = ccs_next_finished(multi, &outcome) {
                curl_multi_remove_handle(multi, easy)
                guard let transfer = transfers.removeValue(forKey: easy) else { continue }
                finish(transfer.completion, transfer.result(outcome))
            }
            // libcurl shortens this to what its own timers need.
            curl_multi_poll(multi, nil, 0, Self.idleMilliseconds, nil)
        }
    }

    private func begin(_ request: HTTPRequest, _ completion: @escaping HTTPClient.Completion) -> Transfer? {
        do throws(HTTPError) {
            let transfer = try Transfer(request, completion)
            guard curl_multi_add_handle(multi, transfer.easy) == CURLM_OK else {
                throw .invalid("libcurl takes no more requests")
            }
            return transfer
        } catch {
            finish(completion, .failure(error))
            return nil
        }
    }

    private func finish(_ completion: HTTPClient.Completion, _ result: Result<HTTPResponse, HTTPError>) {
        inbox.withLock { $0.inFlight -= 1 }
        completion(result)
    }

    private func end(_ transfers: [UnsafeMutableRawPointer: Transfer]) {
        inbox.withLock { $0.alive = false }
        for transfer in transfers.values {
            curl_multi_remove_handle(multi, transfer.easy)
            finish(transfer.completion, .failure(.stopped))
        }
        curl_multi_cleanup(multi)
    }

    private static let connectionsKept = 16
    private static let idleMilliseconds: Int32 = 3_600_000
}
