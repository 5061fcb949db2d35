import ClusterModel
import Metrics
import NIOHTTP1

/// Turns a request into its answer, from memory alone.
struct Router: Sendable {
    /// A command is answered by the supervisor, everything else here.
    enum Outcome {
        case response(ManagementResponse)
        case switchover(SwitchoverCommand)
    }

    enum Endpoint: String, CaseIterable {
        case healthz = "/healthz"
        case readyz = "/readyz"
        case startupz = "/startupz"
        case metrics = "/metrics"
        case status = "/v1/status"
        case cluster = "/v1/cluster"
        case switchover = "/v1/switchover"

        var methods: [HTTPMethod] { self == .switchover ? [.POST] : [.GET, .HEAD] }
    }

    /// The body of a probe that passes.
    struct Passed: Encodable {
        let status: String
        let reason: String
    }

    struct Accepted: Encodable {
        let id: String
    }

    let gate: ControlGate
    let loopStall: Duration
    let metrics: MemberMetrics
    let now: @Sendable () -> Instant
    let snapshot: @Sendable () -> ManagementSnapshot

    func route(_ request: ManagementRequest) -> Outcome {
        guard let endpoint = Endpoint(rawValue: request.path) else {
            return .response(
                .problem(
                    .notFound, "there is nothing at this path",
                    hint: "known paths: " + Endpoint.allCases.map(\.rawValue).joined(separator: " ")))
        }
        guard endpoint.methods.contains(request.head.method) else {
            let allowed = endpoint.methods.map(\.rawValue).joined(separator: ", ")
            return .response(
                .problem(
                    .methodNotAllowed, "\(endpoint.rawValue) does not take this method", hint: "use \(allowed)",
                    headers: [(name: "Allow", value: allowed)]))
        }
        return endpoint == .switchover ? switchover(request) : .response(answer(endpoint))
    }

    private func answer(_ endpoint: Endpoint) -> ManagementResponse {
        // The clock is read first: a snapshot that is published in between only makes the answer fresher.
        let moment = now()
        let current = snapshot().brought(to: moment, loopStalledAfter: loopStall)
        switch endpoint {
        case .healthz:
            let age = current.age(at: moment)
            return probe(
                age <= loopStall, passed: "alive", reason: "the loop of PID 1 ran \(age.milliseconds) ms ago")
        case .readyz:
            return probe(current.status.ready, passed: "ready", reason: current.status.readyReason)
        case .startupz:
            return probe(
                current.started, passed: "started",
                reason: current.status.problem ?? "the member is \(current.status.state.rawValue)")
        case .metrics:
            return ManagementResponse(
                status: .ok, contentType: TextFormat.contentType,
                body: [UInt8](metrics.render(current, at: moment).utf8))
        case .status: return .json(current.status)
        case .cluster: return .json(current.cluster)
        case .switchover: return .problem(.internalServerError, "a command is not answered from memory")
        }
    }

    private func probe(_ passes: Bool, passed: String, reason: String) -> ManagementResponse {
        passes
            ? .json(Passed(status: passed, reason: reason))
            : .problem(.serviceUnavailable, "not \(passed): \(reason)")
    }

    private func switchover(_ request: ManagementRequest) -> Outcome {
        if let refusal = gate.refusal(of: request) { return .response(refusal) }
        // Also for an empty body: a browser can send anything but JSON to a foreign address without asking first.
        guard Self.mediaType(request.head.headers) == "application/json" else {
            return .response(
                .problem(
                    .unsupportedMediaType, "the body must be JSON",
                    hint: "send the header 'Content-Type: application/json'"))
        }
        do throws(JSONBody.Mistake) {
            return .switchover(try JSONBody.switchover(request.body))
        } catch {
            return .response(
                .problem(
                    .badRequest, "the request cannot be understood: \(error)",
                    hint: #"send {"from": "PRIMARY", "to": "MEMBER"}, each of them optional"#))
        }
    }

    private static func mediaType(_ headers: HTTPHeaders) -> String? {
        headers.first(name: "Content-Type").map { value in
            value.prefix { $0 != ";" }.filter { $0 != " " && $0 != "\t" }.lowercased()
        }
    }

    /// What the supervisor's answer looks like to the client.
    static func response(to answer: SwitchoverAnswer) -> ManagementResponse {
        switch answer {
        case .accepted(let id): .json(Accepted(id: id), status: .accepted)
        case .refused(let reason, let hint): .problem(.conflict, reason, hint: hint)
        case .unavailable(let reason): .problem(.serviceUnavailable, reason, hint: "try again")
        }
    }

    static let unanswered = ManagementResponse.problem(
        .gatewayTimeout, "the supervisor did not answer in time",
        hint: "the switchover may still come: GET /v1/cluster tells whether it is pending")
}
