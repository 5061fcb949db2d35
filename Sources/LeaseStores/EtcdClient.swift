import ClusterModel
import HTTPTransport
import Platform
import Synchronization

/// Calls of etcd's JSON gateway: one endpoint after the other until one answers, within one bound for all of it.
final class EtcdClient: Sendable {
    /// An answer, and how sure it is.
    struct Outcome<Answer: EtcdAnswer> {
        var answer: Answer
        var position: EtcdPosition
        /// Whether an earlier attempt of the same call may have been carried out as well, or still will be.
        var isDoubtful: Bool
    }

    private struct State {
        /// The endpoint that worked last.
        var preferred = 0
        var token: String?
        /// The cluster that the first answer was from.
        var cluster: UInt64?
        /// Endpoints that were seen to belong to it.
        var verified: Set<Int> = []
        /// Whether the next call waits for one endpoint alone: all of them were too slow for their shares.
        var isPatient = false
    }

    let settings: EtcdSettings
    /// Also carries the watch: nothing it does blocks its thread.
    let http: HTTPClient
    private let state = Mutex(State())

    init(_ settings: EtcdSettings) {
        self.settings = settings
        http = HTTPClient(name: "lease-etcd", maximumInFlight: 32)
    }

    var key: String { EtcdMessages.base64(settings.key.utf8) }

    /// - Parameters:
    ///   - path: as in `/v3/kv/range`.
    ///   - isWrite: whether it may change something: then it goes only to endpoints of the cluster known so far.
    /// - Errors: `unavailable`; `invalid` when something else than etcd answers a question.
    func call<Answer: EtcdAnswer>(
        _ path: String, _ request: some Encodable, isWrite: Bool, _ type: Answer.Type
    ) throws(LeaseStoreError) -> Outcome<Answer> {
        let body: [UInt8]
        do { body = try EtcdMessages.encode(request) } catch {
            throw .invalid("it cannot be written as JSON: \(error)")
        }
        let deadline = BootClock.now() + settings.callTimeout
        var (order, isPatient) = plan()
        var attempts = EtcdAttempts(endpoints: settings.endpoints)
        for number in 0..<(order.count + Self.extraAttempts) {
            let rest = deadline.since(BootClock.now())
            guard let endpoint = order.first, rest > Self.shortestAttempt || number == 0 else { break }
            order.append(order.removeFirst())
            // All have failed at once: whatever it is may be over in a moment.
            if number >= order.count { _ = Poll.wait([], until: BootClock.now() + Self.pause) }
            let share = isPatient ? rest : rest / max(1, min(Self.endpointsAtOnce, order.count) - number)
            do throws(EtcdFailure) {
                let until = BootClock.now() + share
                let (answer, position) = try attempt(path, body, isWrite, type, endpoint, until: until)
                state.withLock { $0.preferred = endpoint }
                return Outcome(answer: answer, position: position, isDoubtful: attempts.isDoubtful)
            } catch {
                attempts.note(error, of: endpoint, isWrite: isWrite)
                if error.isFinal { break }
            }
            isPatient = false
        }
        state.withLock { state in
            state.isPatient = attempts.wereAllTooSlow && settings.endpoints.count > 1
            // A cluster that was restored under another number, and that all agree on, is the cluster.
            if attempts.onlyStranger != nil {
                state.cluster = nil
                state.verified = []
            }
        }
        throw attempts.error(isWrite: isWrite)
    }

    /// The endpoint to begin with.
    var preferred: Int { state.withLock { $0.preferred } }

    private func plan() -> (order: [Int], isPatient: Bool) {
        let count = settings.endpoints.count
        return state.withLock { state in
            defer { state.isPatient = false }
            return ((0..<count).map { ($0 + state.preferred) % count }, state.isPatient)
        }
    }

    // MARK: - One endpoint

    private func attempt<Answer: EtcdAnswer>(
        _ path: String, _ body: [UInt8], _ isWrite: Bool, _ type: Answer.Type, _ endpoint: Int, until deadline: Instant
    ) throws(EtcdFailure) -> (Answer, EtcdPosition) {
        if isWrite, !state.withLock({ $0.verified.contains(endpoint) }) {
            // Not even a record that is not there yet may be written to a cluster that is another one.
            let question: [UInt8]
            do { question = try EtcdMessages.encode(EtcdMessages.Range(key: key)) } catch {
                throw EtcdFailure(kind: .refused, "\(error)")
            }
            _ = try authorized("/v3/kv/range", question, EtcdMessages.RangeAnswer.self, endpoint, deadline)
        }
        return try authorized(path, body, type, endpoint, deadline, resends: !isWrite)
    }

    /// Gets a token first, or another one when this one is no longer good: etcd looks at it before anything else.
    private func authorized<Answer: EtcdAnswer>(
        _ path: String, _ body: [UInt8], _ type: Answer.Type, _ endpoint: Int, _ deadline: Instant,
        resends: Bool = true
    ) throws(EtcdFailure) -> (Answer, EtcdPosition) {
        let token = try token(endpoint, deadline)
        do throws(EtcdFailure) {
            return try verified(post(path, body, type, endpoint, deadline, token, resends), endpoint)
        } catch {
            guard error.kind == .token else { throw error }
            guard settings.user != nil else {
                throw EtcdFailure(
                    kind: .refused, "\(error.reason): etcd asks for a user and a password, and none is configured")
            }
            state.withLock { if $0.token == token { $0.token = nil } }
        }
        let fresh = try self.token(endpoint, deadline)
        return try verified(post(path, body, type, endpoint, deadline, fresh, resends), endpoint)
    }

    private func verified<Answer: EtcdAnswer>(
        _ answer: Answer, _ endpoint: Int
    ) throws(EtcdFailure) -> (Answer, EtcdPosition) {
        guard let position = EtcdPosition(answer.header) else {
            throw EtcdFailure(
                kind: .nonsense, "an answer with the header \(answer.header) is not etcd's: \(EtcdFailure.advice)")
        }
        let known = state.withLock { state in
            let known = state.cluster ?? position.cluster
            state.cluster = known
            if known == position.cluster { state.verified.insert(endpoint) } else { state.verified.remove(endpoint) }
            return known
        }
        guard known == position.cluster else {
            throw EtcdFailure(
                kind: .stranger(position.cluster),
                "belongs to the etcd cluster \(String(position.cluster, radix: 16)), and the answers so far were of "
                    + "\(String(known, radix: 16)): all endpoints must be of one cluster")
        }
        return (answer, position)
    }

    /// nil when none is needed.
    private func token(_ endpoint: Int, _ deadline: Instant) throws(EtcdFailure) -> String? {
        guard let user = settings.user, let file = settings.passwordFile else { return nil }
        if let token = state.withLock({ $0.token }) { return token }
        let password: String
        do {
            let text = try Files.readText(file, limit: 4096)
            password = text.hasSuffix("\n") ? String(text.dropLast()) : text
        } catch { throw EtcdFailure(kind: .refused, "the password file of etcd cannot be used: \(error)") }
        let body: [UInt8]
        do { body = try EtcdMessages.encode(EtcdMessages.Authentication(name: user, password: password)) } catch {
            throw EtcdFailure(kind: .refused, "the password in '\(file)' cannot be sent")
        }
        let answer: EtcdMessages.TokenAnswer
        do throws(EtcdFailure) {
            answer = try post(
                "/v3/auth/authenticate", body, EtcdMessages.TokenAnswer.self, endpoint, deadline, nil, true)
        } catch {
            if error.kind == .authenticationIsOff { return nil }
            guard error.kind == .refused else { throw error }
            throw EtcdFailure(
                kind: .refused,
                "the user '\(user)' with the password in '\(file)' is refused (\(error.reason)): correct either")
        }
        state.withLock { $0.token = answer.token }
        return answer.token
    }

    private func post<Answer: Decodable>(
        _ path: String, _ body: [UInt8], _ type: Answer.Type, _ endpoint: Int, _ deadline: Instant, _ token: String?,
        _ resends: Bool
    ) throws(EtcdFailure) -> Answer {
        var request = request(path, body, endpoint, token)
        let rest = deadline.since(BootClock.now())
        request.timeout = max(rest, .milliseconds(1))
        request.connectTimeout = request.timeout
        request.resends = resends
        let response: HTTPResponse
        do throws(HTTPError) { response = try http.sendAndWait(request) } catch { throw EtcdFailure(error) }
        guard response.status == 200 else { throw EtcdFailure(response, path: path) }
        do { return try EtcdMessages.decode(type, from: response.body) } catch {
            throw EtcdFailure(nonsense: response, path: path)
        }
    }

    /// - Parameter token: nil: none.
    private func request(_ path: String, _ body: [UInt8], _ endpoint: Int, _ token: String?) -> HTTPRequest {
        var headers = [("Content-Type", "application/json")]
        if let token { headers.append(("Authorization", token)) }
        return HTTPRequest(
            method: "POST", url: settings.endpoints[endpoint] + path, headers: headers, body: body,
            responseLimit: Self.largestAnswer, tls: settings.tls)
    }

    // MARK: - Watching

    /// What begins a watch of the key at an endpoint. May wait for a token.
    func watchRequest(_ endpoint: Int) throws(EtcdFailure) -> HTTPRequest {
        let token = try token(endpoint, BootClock.now() + settings.callTimeout)
        let message = EtcdMessages.Watch(createRequest: EtcdMessages.Watch.Create(key: key))
        let body: [UInt8]
        do { body = try EtcdMessages.encode(message) } catch { throw EtcdFailure(kind: .refused, "\(error)") }
        var request = request("/v3/watch", body, endpoint, token)
        // A member that lost its cluster says so instead of being silent.
        request.headers.append(("Grpc-Metadata-Hasleader", "true"))
        request.connectTimeout = settings.callTimeout
        return request
    }

    /// The next watch asks for another token.
    func forgetToken() { state.withLock { $0.token = nil } }

    /// A document of the largest size in base64, and what is around it.
    private static let largestAnswer = RecordDocument.maximumBytes * 2
    /// How many endpoints share the time of a call.
    private static let endpointsAtOnce = 3
    private static let extraAttempts = 2
    private static let pause = Duration.milliseconds(50)
    private static let shortestAttempt = Duration.milliseconds(20)
}
