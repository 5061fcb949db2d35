import ClusterModel
import HTTPTransport
import Platform
import Synchronization
import TestSupport
import Testing

@Suite(.ownThread) struct HTTPStreamTests {
    @Test("head first, then the bytes as they come, then the end; once each")
    func order() async throws {
        let server = try SmallServer()
        let log = Log()
        log.start(HTTPRequest(url: server.url + "/trickle/3"), HTTPClient())
        try await eventually("it ends") { log.outcomes.count == 1 }
        #expect(
            log.heads == [HTTPResponseHead(status: 200, headers: ["transfer-encoding": "chunked", "x-trickle": "3"])])
        #expect(log.pieces == ["piece 1\n", "piece 2\n", "piece 3\n"])
        #expect(log.order == ["head", "bytes", "bytes", "bytes", "end"])
        #expect(log.outcomes == [nil])
    }

    @Test("a status that is no success is an answer, too, and an interim one is none")
    func statuses() async throws {
        let server = try SmallServer()
        let (refused, interim) = (Log(), Log())
        let client = HTTPClient()
        refused.start(HTTPRequest(url: server.url + "/status/410"), client)
        interim.start(HTTPRequest(url: server.url + "/interim"), client)
        try await eventually("both end") { refused.outcomes.count == 1 && interim.outcomes.count == 1 }
        #expect(refused.heads.map(\.status) == [410])
        #expect(refused.pieces == ["no"])
        #expect(interim.heads.map(\.status) == [200])
        #expect(interim.heads.first?.headers["x-late"] == "yes")
    }

    @Test("no limit of size: what a stream brings is not kept")
    func large() async throws {
        let server = try SmallServer()
        let log = Log()
        log.start(HTTPRequest(url: server.url + "/large/5000000", responseLimit: 100), HTTPClient())
        try await eventually("it ends") { log.outcomes.count == 1 }
        #expect(log.outcomes == [nil])
        #expect(log.count == 5_000_000)
    }

    @Test("a cancelled stream ends as stopped, once, and its connection is closed")
    func cancel() async throws {
        let server = try SmallServer()
        let log = Log()
        let client = HTTPClient()
        let stream = log.start(HTTPRequest(url: server.url + "/trickle/100000", timeout: .seconds(60)), client)
        try await eventually("it brings bytes") { !log.pieces.isEmpty }
        stream.cancel()
        stream.cancel()
        try await eventually("it ends") { log.outcomes.count == 1 }
        try await eventually("the connection is closed") { server.open == 0 }
        let seen = log.pieces.count
        #expect(try client.sendAndWait(HTTPRequest(url: server.url + "/ok")).status == 200)
        #expect(log.outcomes == [.stopped])
        #expect(log.pieces.count == seen, "bytes after the end")
    }

    @Test("cancelling from a callback, before anything came, and after the end: once each")
    func cancelAnywhere() async throws {
        let server = try SmallServer()
        let client = HTTPClient()
        let (within, early, late) = (Log(), Log(), Log())
        within.cancelsAtFirstBytes = true
        within.start(HTTPRequest(url: server.url + "/trickle/100000", timeout: .seconds(60)), client)
        let silent = early.start(HTTPRequest(url: server.url + "/silent", timeout: .seconds(60)), client)
        silent.cancel()
        let done = late.start(HTTPRequest(url: server.url + "/ok"), client)
        try await eventually("all end") { [within, early, late].allSatisfy { $0.outcomes.count == 1 } }
        done.cancel()
        #expect(within.outcomes == [.stopped])
        #expect(within.pieces.count == 1)
        #expect(early.outcomes == [.stopped])
        #expect(try client.sendAndWait(HTTPRequest(url: server.url + "/ok")).status == 200)
        #expect(late.outcomes == [nil])
    }

    @Test("a stream on which nothing comes for too long has timed out; one that trickles has not")
    func idle() async throws {
        let server = try SmallServer()
        let client = HTTPClient()
        let (silent, stuck, trickling) = (Log(), Log(), Log())
        let bound = Duration.seconds(2)
        let began = BootClock.now()
        silent.start(
            HTTPRequest(url: server.url + "/silent", timeout: .seconds(60), idleTimeout: bound), client)
        stuck.start(
            HTTPRequest(url: server.url + "/trickle/2/stuck", timeout: .seconds(60), idleTimeout: bound), client)
        trickling.start(
            HTTPRequest(url: server.url + "/trickle/100", timeout: .seconds(60), idleTimeout: bound), client)
        try await eventually("the silent ones end") { silent.outcomes.count == 1 && stuck.outcomes.count == 1 }
        #expect(BootClock.now().since(began) >= bound)
        #expect(silent.outcomes == [.timedOut])
        #expect(stuck.outcomes == [.timedOut])
        #expect(stuck.pieces == ["piece 1\n", "piece 2\n"])
        try await eventually("the other one ends") { trickling.outcomes.count == 1 }
        #expect(trickling.outcomes == [nil])
        #expect(trickling.pieces.count == 100)
    }

    @Test("the timeout bounds the whole stream, however much it brings")
    func timeout() async throws {
        let server = try SmallServer()
        let log = Log()
        log.start(HTTPRequest(url: server.url + "/trickle/100000", timeout: .seconds(1)), HTTPClient())
        try await eventually("it ends") { log.outcomes.count == 1 }
        #expect(log.outcomes == [.timedOut])
        #expect(!log.pieces.isEmpty)
    }

    @Test("a connection that breaks within the answer is unreachable, after what had come")
    func broken() async throws {
        let server = try SmallServer()
        let log = Log()
        log.start(HTTPRequest(url: server.url + "/half"), HTTPClient())
        try await eventually("it ends") { log.outcomes.count == 1 }
        #expect(log.pieces == ["half"])
        guard case .unreachable = log.outcomes.first ?? nil else {
            Issue.record("\(log.outcomes)")
            return
        }
    }

    @Test("streams count as in flight, and end with the client")
    func counted() async throws {
        let server = try SmallServer()
        let client = HTTPClient(maximumInFlight: 2)
        let logs = [Log(), Log(), Log()]
        for log in logs.prefix(2) {
            log.start(HTTPRequest(url: server.url + "/silent", timeout: .seconds(60)), client)
        }
        logs[2].start(HTTPRequest(url: server.url + "/ok"), client).cancel()
        #expect(logs[2].outcomes == [.overloaded])
        client.stop()
        try await eventually("all end") { logs.allSatisfy { $0.outcomes.count == 1 } }
        #expect(logs[0].outcomes == [.stopped] && logs[1].outcomes == [.stopped])
    }

    @Test("over TLS as without")
    func tls() async throws {
        let (server, certificates) = (try SmallServer(), try await TestCertificates())
        let front = try await TLSFront(to: server.port, try await certificates.issue("server"))
        let log = Log()
        log.start(
            HTTPRequest(url: front.url + "/trickle/3", tls: HTTPTLS(caFile: certificates.authority)), HTTPClient())
        try await eventually("it ends") { log.outcomes.count == 1 }
        #expect(log.outcomes == [nil])
        #expect(log.pieces.joined() == "piece 1\npiece 2\npiece 3\n")
    }
}

/// What a stream did.
private final class Log: Sendable {
    private struct State {
        var heads: [HTTPResponseHead] = []
        var pieces: [String] = []
        var outcomes: [HTTPError?] = []
        var order: [String] = []
        var count = 0
        var cancelsAtFirstBytes = false
        var stream: HTTPStream?
        /// Its end would be the stream's.
        var client: HTTPClient?
    }

    private let state = Mutex(State())

    var heads: [HTTPResponseHead] { state.withLock { $0.heads } }
    var pieces: [String] { state.withLock { $0.pieces } }
    /// nil: success.
    var outcomes: [HTTPError?] { state.withLock { $0.outcomes } }
    var order: [String] { state.withLock { $0.order } }
    var count: Int { state.withLock { $0.count } }
    var cancelsAtFirstBytes: Bool {
        get { state.withLock { $0.cancelsAtFirstBytes } }
        set { state.withLock { $0.cancelsAtFirstBytes = newValue } }
    }

    @discardableResult
    func start(_ request: HTTPRequest, _ client: HTTPClient) -> HTTPStream {
        state.withLock { $0.client = client }
        let stream = client.stream(
            request,
            onHead: { head in
                self.state.withLock { state in
                    state.heads.append(head)
                    state.order.append("head")
                }
            },
            onBytes: { bytes in
                let cancels = self.state.withLock { state in
                    state.pieces.append(String(decoding: bytes, as: UTF8.self))
                    state.order.append("bytes")
                    state.count += bytes.count
                    return state.cancelsAtFirstBytes
                }
                // The stream may call back before the test has got hold of it.
                while cancels {
                    guard let stream = self.state.withLock({ $0.stream }) else { continue }
                    return stream.cancel()
                }
            },
            completion: { result in
                self.state.withLock { state in
                    let error: HTTPError? = if case .failure(let error) = result { error } else { nil }
                    state.outcomes.append(error)
                    state.order.append("end")
                }
            })
        state.withLock { $0.stream = stream }
        return stream
    }
}
