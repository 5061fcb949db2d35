import ClusterModel
import HTTPTransport
import Platform
import Synchronization

/// Signs requests, sends them, and repeats them until an answer stands or time is up.
final class S3Client: Sendable {
    private struct State {
        /// What the store has said about where it is.
        var region: String?
        /// Seconds by which the store's clock is ahead of this machine's.
        var clockOffset: Int64 = 0
        /// When the bucket was last seen to exist.
        var bucketSeen: Instant?
        var statistics = S3Statistics()
        /// When an answer stood the last time.
        var succeeded: Instant?
        /// Nothing has succeeded for a second, and something failed.
        var isOut = false
        /// Whoever pauses because of an outage goes on when it is over: the oldest must not come last.
        var outagesOver = 0
    }

    let settings: S3Settings
    private let http: HTTPClient
    private let credentials: S3CredentialKeeper
    private let state = Mutex(State())

    init(_ settings: S3Settings) {
        self.settings = settings
        http = HTTPClient(name: "s3", maximumInFlight: 256)
        credentials = S3CredentialKeeper(
            settings.credentials,
            S3CredentialServices(
                http: http, tls: HTTPTLS(caFile: settings.caFile), retryPause: settings.retryPause),
            pause: settings.retryPause * 100)
    }

    var statistics: S3Statistics { state.withLock { $0.statistics } }

    /// By the store's clock, as far as it is known.
    var now: S3Moment { S3Moment(seconds: S3Moment.now().seconds + state.withLock { $0.clockOffset }) }

    /// Whether the bucket was there a moment ago.
    var hasSeenBucket: Bool {
        state.withLock { $0.bucketSeen }.map { BootClock.now().since($0) < .seconds(10) } ?? false
    }

    /// An answer that stands, whatever it says.
    /// - Parameters:
    ///   - what: for messages: what was to be done, with the name of the object.
    ///   - permission: asked before each repetition; false ends it.
    ///   - first: an attempt that is on its way already.
    ///   - limit: for all repetitions together; nil: as the settings say.
    func send(
        _ request: S3Request, _ what: String, if permission: () -> Bool = { true }, first: S3Attempt? = nil,
        within limit: Duration? = nil
    ) throws(ObjectStoreError) -> S3Answer {
        let limit = limit ?? settings.deadline
        var backOff = BackOff(
            settings.retryPause, atMost: settings.longestRetryPause, until: BootClock.now() + limit)
        var (first, corrections, mayHaveBeenDone) = (first, 0, false)
        var earlier: String?
        while true {
            guard permission() else { throw ObjectStoreError(.denied, "\(what): it is not permitted any more") }
            let attempt: S3Attempt
            do throws(ObjectStoreError) {
                if let begun = first.take() {
                    attempt = begun
                } else {
                    attempt = try begin(request, within: backOff.rest)
                }
            } catch {
                // Whoever has the credentials may come back.
                guard error.kind == .unavailable, backOff.pause(atLeast: nil) else {
                    throw ObjectStoreError(error.kind, "\(what): \(error)")
                }
                continue
            }
            let (verdict, answer) = judge(attempt.wait(), request, attempt, mayHaveBeenDone)
            switch verdict {
            case .final:
                state.withLock { state in
                    state.statistics.trouble = nil
                    state.succeeded = BootClock.now()
                    if state.isOut { (state.isOut, state.outagesOver) = (false, state.outagesOver + 1) }
                }
                if let answer { return answer }
                throw ObjectStoreError(.unavailable, "\(what): no answer")
            case .hopeless(let kind, let text): throw ObjectStoreError(kind, "\(what): \(text)")
            case .corrected(let correction, let text):
                corrections += 1
                if corrections <= 4, try correct(correction, attempt) { continue }
                if case .clock(let theirs) = correction { throw skewed(what, theirs, text) }
                if let answer { return answer }
            case .again(let text, let mayBeDone, let after):
                mayHaveBeenDone = mayHaveBeenDone || mayBeDone
                let outages = state.withLock { state in
                    let isSilent = state.succeeded.map { BootClock.now().since($0) > .seconds(1) } ?? true
                    if isSilent { state.isOut = true }
                    return state.outagesOver
                }
                let isOver = { self.state.withLock { $0.outagesOver != outages } }
                guard backOff.pause(atLeast: after, unless: isOver) else {
                    // The last attempt had little time left: what was said before it tells more.
                    let before = earlier.map { $0 == text ? "" : "; before that: \($0)" } ?? ""
                    throw ObjectStoreError(.unavailable, "\(what): not within \(limit.inSeconds) s: \(text)\(before)")
                }
                earlier = text
                state.withLock { state in
                    state.statistics.retries += 1
                    state.statistics.trouble = "\(what): \(text)"
                }
            }
        }
    }

    /// Sends it once. The attempt is ended by whoever waits for it: `send` repeats it if need be.
    func begin(_ request: S3Request, within limit: Duration? = nil) throws(ObjectStoreError) -> S3Attempt {
        let (region, moment) = (region, now)
        let identity = try credentials.current(at: moment, region: region)
        let endpoint: S3Endpoint
        do throws(S3SettingsError) { endpoint = try S3Endpoint(settings, region: region) } catch {
            throw ObjectStoreError(.denied, error.description)
        }
        let (path, query) = (endpoint.path(of: request.key), PercentEncoding.query(request.query))
        var headers = request.headers + [("x-amz-content-sha256", request.payloadHash), ("x-amz-date", moment.stamp)]
        if let token = identity.sessionToken { headers.append(("x-amz-security-token", token)) }
        let signature = S3Signature(credentials: identity, region: region, moment: moment)
        let authorization = try signature.authorization(
            method: request.method, path: path, query: query, headers: headers + [("host", endpoint.host)],
            payloadHash: request.payloadHash)
        // What is worth waiting for, at 64 KiB a second.
        let bytes = max(request.body.count, request.responseLimit)
        let idle = request.idleTimeout ?? settings.idleTimeout
        let timeout = min(limit ?? settings.deadline, idle * 2 + .milliseconds(Int64(bytes) / 64))
        let attempt = try S3Attempt(credentials: identity, region: region, moment: moment, limit: timeout)
        state.withLock { state in
            state.statistics.requests += 1
            state.statistics.bytesSent += UInt64(request.body.count)
        }
        http.send(
            HTTPRequest(
                method: request.method,
                url: "\(endpoint.scheme)://\(endpoint.host)\(path)" + (query.isEmpty ? "" : "?\(query)"),
                headers: headers + [("authorization", authorization)], body: request.body, timeout: timeout,
                connectTimeout: settings.connectTimeout, idleTimeout: idle, responseLimit: request.responseLimit,
                tls: HTTPTLS(caFile: settings.caFile), resends: request.resends)
        ) { attempt.finish($0) }
        return attempt
    }

    /// An answer as an error.
    func error(_ answer: S3Answer, _ what: String) -> ObjectStoreError {
        guard let failure = answer.failure else {
            return ObjectStoreError(.unavailable, "\(what): the store's answer (\(answer.status)) makes no sense")
        }
        switch (failure.status, failure.code) {
        case (_, "NoSuchBucket"):
            return ObjectStoreError(.unavailable, "\(what): there is no bucket '\(settings.bucket)' at \(place)")
        case (404, ""):
            return ObjectStoreError(
                .unavailable, "\(what): a 404 that no S3 service sends: is \(place) the right endpoint?")
        case (401, _), (403, _): return ObjectStoreError(.denied, "\(what): \(place) refuses: \(failure)")
        case (400..<500, _): return ObjectStoreError(.denied, "\(what): \(failure)")
        default: return ObjectStoreError(.unavailable, "\(what): \(failure)")
        }
    }

    /// For messages.
    var place: String { settings.endpoint ?? "AWS in \(region)" }

    // MARK: -

    private var region: String { state.withLock { $0.region } ?? S3Endpoint.region(of: settings) }

    private func judge(
        _ result: Result<HTTPResponse, HTTPError>, _ request: S3Request, _ attempt: S3Attempt, _ mayHaveBeenDone: Bool
    ) -> (S3Verdict, S3Answer?) {
        switch result {
        case .failure(.tooLarge):
            return (
                .hopeless(.unavailable, "more came than was asked for: does a proxy before the store ignore ranges?"),
                nil
            )
        case .failure(let error): return (S3Verdict.of(error), nil)
        case .success(let response):
            let failure = S3Failure(
                status: response.status, headers: response.headers, body: response.body,
                expectsXML: request.expectsXML)
            note(response, failure)
            let verdict = S3Verdict.of(
                response, failure: failure, expectsXML: request.expectsXML, signedAt: attempt.moment,
                region: attempt.region)
            let answer = S3Answer(
                status: response.status, headers: response.headers, body: response.body, failure: failure,
                mayHaveBeenDone: mayHaveBeenDone)
            return (verdict, answer)
        }
    }

    private func note(_ response: HTTPResponse, _ failure: S3Failure?) {
        state.withLock { state in
            state.statistics.bytesReceived += UInt64(response.body.count)
            if response.openedConnection { state.statistics.connections += 1 }
            if response.status == 429 || response.status == 503 { state.statistics.throttled += 1 }
            if failure == nil || failure?.code == "NoSuchKey" { state.bucketSeen = BootClock.now() }
            if failure?.code == "NoSuchBucket" { state.bucketSeen = nil }
        }
    }

    /// False when there is nothing new to try.
    private func correct(_ correction: S3Verdict.Correction, _ attempt: S3Attempt) throws(ObjectStoreError) -> Bool {
        switch correction {
        case .region(let region): state.withLock { $0.region = region }
        case .clock(let theirs):
            let offset = theirs.seconds - S3Moment.now().seconds
            state.withLock { $0.clockOffset = offset }
        case .credentials: return try credentials.replace(attempt.credentials, region: attempt.region)
        }
        return true
    }

    private func skewed(_ what: String, _ theirs: S3Moment, _ text: String) -> ObjectStoreError {
        let minutes = abs(theirs.seconds - S3Moment.now().seconds) / 60
        return ObjectStoreError(
            .denied, "\(what): this machine's clock and that of \(place) are \(minutes) minutes apart: \(text)")
    }
}

/// What was done so far, for metrics.
package struct S3Statistics: Hashable, Sendable {
    package var requests: UInt64 = 0
    /// Repetitions after errors that were thought to pass; they are requests as well.
    package var retries: UInt64 = 0
    /// Answers by a store that was too busy: 429 and 503.
    package var throttled: UInt64 = 0
    /// Connections that were opened; all other requests had one that was there.
    package var connections: UInt64 = 0
    /// Of bodies.
    package var bytesSent: UInt64 = 0
    package var bytesReceived: UInt64 = 0
    /// What went wrong with the last attempt, as long as none has succeeded since.
    package var trouble: String?
}
