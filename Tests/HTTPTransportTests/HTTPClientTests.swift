import ClusterModel
import Glibc
import HTTPTransport
import Platform
import Synchronization
import TestSupport
import Testing

@Suite(.ownThread) struct HTTPClientTests {
    @Test("an answer comes back whole: status, body, headers by lower-case name")
    func answer() throws {
        let server = try SmallServer()
        let response = try HTTPClient().sendAndWait(HTTPRequest(url: server.url + "/interim"))
        #expect(response.status == 200)
        #expect(response.body == Array("ok".utf8))
        #expect(response.headers["x-late"] == "yes")
        #expect(response.headers["vary"] == "a, b")
        #expect(response.headers["x-early"] == nil, "a field of an interim answer was kept")
    }

    @Test("statuses other than 200 are answers, and redirects are not followed", arguments: [204, 302, 404, 503])
    func statuses(_ status: Int) throws {
        let server = try SmallServer()
        let path = status == 302 ? "/redirect" : "/status/\(status)"
        #expect(try HTTPClient().sendAndWait(HTTPRequest(url: server.url + path)).status == status)
        #expect(server.received.count == 1)
    }

    @Test("method, headers and body are sent as given, with nothing added that was not asked for")
    func request() throws {
        let server = try SmallServer()
        let client = HTTPClient()
        // More than a megabyte: libcurl would ask for a 100 Continue of its own accord.
        let body = (0..<1_500_000).map { UInt8(truncatingIfNeeded: $0) }
        _ = try client.sendAndWait(
            HTTPRequest(
                method: "PUT", url: server.url + "/a/../b%20c", headers: [("X-One", "1"), ("X-Empty", "")], body: body))
        _ = try client.sendAndWait(HTTPRequest(method: "POST", url: server.url + "/empty"))
        _ = try client.sendAndWait(HTTPRequest(method: "DELETE", url: server.url + "/gone"))
        _ = try client.sendAndWait(HTTPRequest(method: "HEAD", url: server.url + "/large/5000000"))
        let received = server.received
        try #require(received.count == 4)
        #expect(received[0].line == "PUT /a/../b%20c HTTP/1.1")
        #expect(received[0].body == body)
        #expect(received[0].headers["x-one"] == "1")
        #expect(received[0].headers["x-empty"] == "")
        #expect(received[0].headers["expect"] == nil)
        #expect(received[0].headers["content-type"] == nil)
        #expect(received[1].line == "POST /empty HTTP/1.1")
        #expect(received[1].headers["content-length"] == "0")
        #expect(received[2].line == "DELETE /gone HTTP/1.1")
        #expect(received[3].line == "HEAD /large/5000000 HTTP/1.1")
    }

    @Test("requests that follow each other use one connection")
    func keepAlive() throws {
        let server = try SmallServer()
        let client = HTTPClient()
        let opened = try (0..<10).map { _ in
            try client.sendAndWait(HTTPRequest(url: server.url + "/ok")).openedConnection
        }
        #expect(opened == [true] + Array(repeating: false, count: 9))
        #expect(server.connections == 1)
    }

    @Test("a connection that the server closed meanwhile is opened anew, without an error")
    func staleConnection() async throws {
        let server = try SmallServer()
        let client = HTTPClient()
        for round in 1...3 {
            let response = try client.sendAndWait(HTTPRequest(method: "POST", url: server.url + "/once", body: [1]))
            #expect(response.openedConnection)
            #expect(server.connections == round)
            try await eventually("the server closes") { server.open == 0 }
        }
    }

    @Test("a kept connection that breaks before the answer: sent once more, unless that is forbidden")
    func resending() throws {
        for (resends, size) in [(true, 10), (true, 300_000), (false, 10), (false, 300_000)] {
            let server = try SmallServer()
            let client = HTTPClient()
            let body = Array(repeating: UInt8(7), count: size)
            _ = try client.sendAndWait(HTTPRequest(method: "POST", url: server.url + "/ok", body: body))
            #expect {
                try client.sendAndWait(
                    HTTPRequest(method: "POST", url: server.url + "/drop", body: body, resends: resends))
            } throws: { error in
                guard case HTTPError.unreachable = error else { return false }
                return true
            }
            #expect(server.received.count == (resends ? 3 : 2), "resends: \(resends), \(size) bytes")
            #expect(server.received.allSatisfy { $0.body == body })
        }
    }

    @Test("an upload that nobody takes is idle")
    func stuckUpload() throws {
        let server = try DeafServer()
        let body = [UInt8](repeating: 1, count: 30_000_000)
        #expect(throws: HTTPError.timedOut) {
            try HTTPClient().sendAndWait(
                HTTPRequest(
                    method: "PUT", url: server.url, body: body, timeout: .seconds(60), idleTimeout: .milliseconds(500)))
        }
    }

    @Test("a server that accepts and never answers costs the timeout, and no more")
    func silence() throws {
        let server = try SmallServer()
        let began = BootClock.now()
        #expect(throws: HTTPError.timedOut) {
            try HTTPClient().sendAndWait(HTTPRequest(url: server.url + "/silent", timeout: .milliseconds(300)))
        }
        let took = BootClock.now().since(began)
        #expect(took >= .milliseconds(290) && took < .seconds(5), "\(took)")
    }

    @Test("an address that does not answer at all costs the connect timeout")
    func unroutable() throws {
        let began = BootClock.now()
        // TEST-NET-1: no such host anywhere; some networks refuse it at once.
        let request = HTTPRequest(
            url: "http://192.0.2.1:9/", timeout: .seconds(20), connectTimeout: .milliseconds(300))
        #expect(throws: HTTPError.self) { try HTTPClient().sendAndWait(request) }
        #expect(BootClock.now().since(began) < .seconds(10))
    }

    @Test("a refused connection is unreachable, with the address in the message")
    func refused() throws {
        let port = try FreePort.take()
        #expect {
            try HTTPClient().sendAndWait(HTTPRequest(url: "http://127.0.0.1:\(port)/"))
        } throws: { error in
            guard case HTTPError.unreachable(let reason) = error else { return false }
            return reason.contains("\(port)")
        }
    }

    @Test("a connection that breaks before or within the answer is unreachable", arguments: ["drop", "half"])
    func broken(_ path: String) throws {
        let server = try SmallServer()
        #expect {
            try HTTPClient().sendAndWait(HTTPRequest(url: "\(server.url)/\(path)"))
        } throws: { error in
            guard case HTTPError.unreachable = error else { return false }
            return true
        }
    }

    @Test(
        "an answer above the limit is too large, whether or not its length is announced",
        arguments: ["large/100001", "stream/100001", "headers/100"])
    func tooLarge(_ path: String) throws {
        let server = try SmallServer()
        let request = HTTPRequest(
            url: "\(server.url)/\(path)", timeout: .seconds(60), connectTimeout: .seconds(60), responseLimit: 100_000)
        #expect(throws: HTTPError.tooLarge) { try HTTPClient().sendAndWait(request) }
    }

    @Test("an answer at the limit is taken", arguments: ["large/100000", "stream/100000"])
    func atTheLimit(_ path: String) throws {
        let server = try SmallServer()
        let request = HTTPRequest(url: "\(server.url)/\(path)", responseLimit: 100_000)
        #expect(try HTTPClient().sendAndWait(request).body.count == 100_000)
    }

    @Test("what is no HTTP, and what cannot be sent, is invalid")
    func invalid() throws {
        let server = try SmallServer()
        let requests = [
            HTTPRequest(url: server.url + "/garbage"),
            HTTPRequest(url: "file:///etc/passwd"),
            HTTPRequest(url: "http://"),
            HTTPRequest(method: "GET /x HTTP/1.1\r\nX:", url: server.url),
            HTTPRequest(url: server.url, headers: [("X", "1\r\nX-Smuggled: 2")]),
            HTTPRequest(url: server.url, headers: [("X: 1\r\nY", "2")]),
        ]
        for request in requests {
            #expect("\(request)") {
                try HTTPClient().sendAndWait(request)
            } throws: { error in
                guard case HTTPError.invalid = error else { return false }
                return true
            }
        }
        #expect(server.received.map(\.line) == ["GET /garbage HTTP/1.1"])
    }

    @Test("many requests are in flight at once, and a silent server holds up none of the others")
    func parallel() async throws {
        let (silent, server) = (try SmallServer(), try SmallServer())
        let client = HTTPClient()
        let statuses = Mutex<[Int]>([])
        let silence = Mutex<[HTTPError]>([])
        for _ in 0..<5 {
            client.send(HTTPRequest(url: silent.url + "/silent", timeout: .seconds(60))) { result in
                if case .failure(let error) = result { silence.withLock { $0.append(error) } }
            }
        }
        for _ in 0..<40 {
            client.send(HTTPRequest(url: server.url + "/late/200")) { result in
                statuses.withLock { $0.append((try? result.get().status) ?? 0) }
            }
        }
        try await eventually("all are answered") { statuses.withLock { $0.count } == 40 }
        #expect(statuses.withLock { $0 } == Array(repeating: 200, count: 40))
        #expect(server.mostInProgress > 20)
        #expect(silence.withLock { $0 } == [])
        client.stop()
        try await eventually("the silent ones are ended") { silence.withLock { $0.count } == 5 }
        #expect(silence.withLock { $0 } == Array(repeating: .stopped, count: 5))
    }

    @Test("more requests than the client takes are refused at once, and there is room again afterwards")
    func overload() async throws {
        let server = try SmallServer()
        let client = HTTPClient(maximumInFlight: 2)
        let ended = Mutex(0)
        for _ in 0..<2 {
            client.send(HTTPRequest(url: server.url + "/silent", timeout: .milliseconds(500))) { _ in
                ended.withLock { $0 += 1 }
            }
        }
        #expect(throws: HTTPError.overloaded) { try client.sendAndWait(HTTPRequest(url: server.url + "/ok")) }
        try await eventually("both time out") { ended.withLock { $0 } == 2 }
        #expect(try client.sendAndWait(HTTPRequest(url: server.url + "/ok")).status == 200)
    }

    @Test("a stopped client ends what is in flight and takes nothing more")
    func stop() async throws {
        let server = try SmallServer()
        let client = HTTPClient()
        let outcome = Mutex<HTTPError?>(nil)
        client.send(HTTPRequest(url: server.url + "/silent", timeout: .seconds(60))) { result in
            if case .failure(let error) = result { outcome.withLock { $0 = error } }
        }
        try await eventually("it is in flight") { server.inProgress == 1 }
        client.stop()
        client.stop()
        try await eventually("the request is ended") { outcome.withLock { $0 } != nil }
        #expect(outcome.withLock { $0 } == .stopped)
        #expect(throws: HTTPError.stopped) { try client.sendAndWait(HTTPRequest(url: server.url + "/ok")) }
        try await eventually("the connection is closed") { server.inProgress == 0 }
    }

    @Test("a client that nobody holds any more ends its thread")
    func release() async throws {
        let server = try SmallServer()
        let name = "http-\(UInt16.random(in: .min ... .max))"
        var client: HTTPClient? = HTTPClient(name: name)
        _ = try client?.sendAndWait(HTTPRequest(url: server.url + "/ok"))
        #expect(try threads(named: name) == 1)
        client = nil
        try await eventually("the thread ends") { try threads(named: name) == 0 }
    }

    @Test("an idle client with an open connection uses no processor time")
    func idle() throws {
        let server = try SmallServer()
        let name = "http-\(UInt16.random(in: .min ... .max))"
        let client = HTTPClient(name: name)
        _ = try client.sendAndWait(HTTPRequest(url: server.url + "/ok"))
        let before = try switches(ofThread: name)
        usleep(500_000)
        // A loop that polls would have been scheduled at least every 100 ms.
        #expect(try switches(ofThread: name) - before <= 2)
        client.stop()
    }

    private func threads(named name: String) throws -> Int {
        try Files.list("/proc/self/task").count { task in
            (try? Files.readText("/proc/self/task/\(task)/comm")) == name + "\n"
        }
    }

    private func switches(ofThread name: String) throws -> Int {
        for task in try Files.list("/proc/self/task") {
            guard (try? Files.readText("/proc/self/task/\(task)/comm")) == name + "\n" else { continue }
            let status = try Files.readText("/proc/self/task/\(task)/status")
            let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("voluntary_ctxt_switches") })
            return try #require(Int(line.split(whereSeparator: \.isWhitespace)[1]))
        }
        throw SystemError("find the thread", path: name, code: ENOENT)
    }
}
