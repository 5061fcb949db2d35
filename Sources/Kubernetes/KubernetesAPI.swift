import ClusterModel
import HTTPTransport
import Platform

/// Calls of the API server over kept connections, each with its own deadline, from a client and a thread of its own.
package final class KubernetesAPI: Sendable {
    package let settings: KubernetesSettings
    private let client: HTTPClient
    private let token: ServiceAccountToken

    /// - Parameter name: of the thread, as `ps -L` shows it; cut to 15 bytes.
    package init(_ settings: KubernetesSettings, name: String = "kubernetes") {
        self.settings = settings
        client = HTTPClient(name: name)
        token = ServiceAccountToken(path: settings.tokenFile)
    }

    /// Ends every call, those that wait too.
    package func stop() { client.stop() }

    /// Waits for the answer, for `call.timeout` at most. Returns the object of a 2xx.
    ///
    /// After a 401 it tries once more, with what the token's file has by then: a token may be replaced between reading
    /// and sending, and an API server may lose its own authenticator for a moment.
    package func send(_ call: KubernetesCall) throws(KubernetesError) -> JSONValue {
        let deadline = BootClock.now() + call.timeout
        var answer = try attempt(call, until: deadline)
        if answer.status == 401 { answer = try attempt(call, until: deadline) }
        guard (200..<300).contains(answer.status) else {
            throw .refused(
                KubernetesRefusal(code: answer.status, body: answer.body, call: call, settings: settings))
        }
        guard let value = JSONValue(bytes: answer.body), value["kind"]?.string == call.resource.kind else {
            let begin = String(decoding: answer.body.prefix(100), as: UTF8.self).singleLine
            throw .nonsense("'\(settings.url)' answers \(answer.status) with no \(call.resource.kind): \(begin)")
        }
        return value
    }

    private func attempt(_ call: KubernetesCall, until deadline: Instant) throws(KubernetesError) -> HTTPResponse {
        var request = try request(call)
        request.timeout = deadline.since(BootClock.now())
        guard request.timeout > .zero else { throw .noAnswer("no answer in time") }
        request.connectTimeout = min(request.timeout, .seconds(3))
        do throws(HTTPError) { return try client.sendAndWait(request) } catch { throw failure(error) }
    }

    /// Hands over what comes in, see `HTTPClient.stream`.
    func stream(
        _ call: KubernetesCall, idleTimeout: Duration, onHead: @escaping HTTPClient.OnHead,
        onBytes: @escaping HTTPClient.OnBytes, completion: @escaping @Sendable (Result<Void, KubernetesError>) -> Void
    ) throws(KubernetesError) -> HTTPStream {
        var request = try request(call)
        request.timeout = call.timeout
        request.idleTimeout = idleTimeout
        return client.stream(request, onHead: onHead, onBytes: onBytes) { [self] result in
            completion(result.mapError { failure($0) })
        }
    }

    private func request(_ call: KubernetesCall) throws(KubernetesError) -> HTTPRequest {
        var headers = [("Accept", "application/json"), ("User-Agent", "pgmahout/\(ProductVersion.current)")]
        if let token = try token.current() { headers.append(("Authorization", "Bearer \(token)")) }
        if call.body != nil {
            headers.append(
                ("Content-Type", call.verb == .patch ? "application/merge-patch+json" : "application/json"))
        }
        return HTTPRequest(
            method: call.verb.method, url: call.url(settings), headers: headers, body: call.body?.bytes ?? [],
            responseLimit: 4 << 20, tls: HTTPTLS(caFile: settings.caFile),
            // A compare-and-swap that was applied and is silently sent again would be told that it failed.
            resends: false)
    }

    private func failure(_ error: HTTPError) -> KubernetesError {
        switch error {
        case .tls(let reason):
            let trusted = settings.caFile.map { "'\($0)'" } ?? "the authorities of the system"
            return .noAnswer(
                "\(settings.url): \(reason). Trusted are \(trusted): lease.kubernetes.caFile has to name the CA of "
                    + "this API server")
        default: return .noAnswer("\(settings.url): \(error)")
        }
    }
}
