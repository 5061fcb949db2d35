import CCurl
import CCurlShim
import ClusterModel
import Platform
import Synchronization

/// The thread of a client, with the libcurl handle that carries all its transfers.
final class TransferLoop: Sendable {
    private struct Inbox {
        var waiting: [(request: HTTPRequest, receiver: Receiver)] = []
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

    func submit(_ request: HTTPRequest, _ receiver: Receiver) throws(HTTPError) {
        try inbox.withLock { inbox throws(HTTPError) in
            guard !inbox.stopped else { throw .stopped }
            guard inbox.inFlight < maximumInFlight else { throw .overloaded }
            inbox.inFlight += 1
            inbox.waiting.append((request, receiver))
            curl_multi_wakeup(multi)
        }
    }

    /// Makes the thread look for streams that were cancelled.
    func wake() {
        inbox.withLock { inbox in
            if inbox.alive { curl_multi_wakeup(multi) }
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
            for (request, receiver) in arrived {
                guard !stopped else { finish(receiver, .failure(.stopped)); continue }
                if let transfer = begin(request, receiver) { transfers[transfer.easy] = transfer }
            }
            if stopped { return end(transfers) }
            var running: Int32 = 0
            curl_multi_perform(multi, &running)
            var outcome = CURLE_OK
            while let easy = ccs_next_finished(multi, &outcome) {
                curl_multi_remove_handle(multi, easy)
                guard let transfer = transfers.removeValue(forKey: easy) else { continue }
                finish(transfer.receiver, transfer.result(outcome))
            }
            dropIdleAndCancelled(&transfers)
            // libcurl shortens this to what its own timers need.
            curl_multi_poll(multi, nil, 0, pause(transfers), nil)
        }
    }

    private func begin(_ request: HTTPRequest, _ receiver: Receiver) -> Transfer? {
        do throws(HTTPError) {
            let transfer = try Transfer(request, receiver)
            guard curl_multi_add_handle(multi, transfer.easy) == CURLM_OK else {
                throw .invalid("libcurl takes no more requests")
            }
            return transfer
        } catch {
            finish(receiver, .failure(error))
            return nil
        }
    }

    private func dropIdleAndCancelled(_ transfers: inout [UnsafeMutableRawPointer: Transfer]) {
        let now = BootClock.now()
        for (easy, transfer) in transfers {
            let isCancelled = transfer.receiver.isCancelled
            guard isCancelled || transfer.isIdle(now: now) else { continue }
            curl_multi_remove_handle(multi, easy)
            transfers[easy] = nil
            finish(transfer.receiver, .failure(isCancelled ? .stopped : .timedOut))
        }
    }

    /// Milliseconds until there is something to do for sure.
    private func pause(_ transfers: [UnsafeMutableRawPointer: Transfer]) -> Int32 {
        guard let next = transfers.values.compactMap(\.idleDeadline).min() else { return Self.idleMilliseconds }
        let rest = next.since(BootClock.now()).milliseconds
        return Int32(clamping: max(0, min(rest + 1, Int64(Self.idleMilliseconds))))
    }

    private func finish(_ receiver: Receiver, _ result: Result<HTTPResponse, HTTPError>) {
        inbox.withLock { $0.inFlight -= 1 }
        receiver.finish(result)
    }

    private func end(_ transfers: [UnsafeMutableRawPointer: Transfer]) {
        inbox.withLock { $0.alive = false }
        for transfer in transfers.values {
            curl_multi_remove_handle(multi, transfer.easy)
            finish(transfer.receiver, .failure(.stopped))
        }
        curl_multi_cleanup(multi)
    }

    private static let connectionsKept = 16
    private static let idleMilliseconds: Int32 = 3_600_000
}
