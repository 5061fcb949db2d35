import ClusterModel
import Metrics
import NIOHTTP1

/// Turns a request into its answer, from memory alone.
struct Router: Sendable {
    /// What changes something, and what members ask of each other, is answered by the supervisor; all else here.
    enum Outcome {
        case response(ManagementResponse)
        case control(ControlRequest)
        case peer(PeerRequest)
    }

    /// The body of a probe that passes.
    private struct Passed: Encodable {
        let status: String
        let reason: String
    }

    let gate: ControlGate
    let peers: PeerGate
    let loopStall: Duration
    let metrics: MemberMetrics
    let now: @Sendable () -> Instant
    let snapshot: @Sendable () -> ManagementSnapshot

    func route(_ request: ManagementRequest) -> Outcome {
        guard let endpoint = Endpoint(path: request.path) else {
            return .response(
                .problem(.notFound, "there is nothing at this path", hint: "known paths: " + Endpoint.known))
        }
        guard endpoint.methods.contains(request.head.method) else {
            let allowed = endpoint.methods.map(\.rawValue).joined(separator: ", ")
            return .response(
                .problem(
                    .methodNotAllowed, "\(request.path.prefix(80)) does not take this method", hint: "use \(allowed)",
                    headers: [(name: "Allow", value: allowed)]))
        }
        switch endpoint {
        case .fixed(let fixed):
            switch fixed {
            case .switchover, .restart, .pause, .resume, .demote, .promote: return control(endpoint, request)
            case .consent, .vote: return question(fixed, request)
            case .peer:
                if let refusal = peers.refusal(of: request, asksForMore: false) { return .response(refusal) }
                return .response(answer(fixed))
            case .jobs where request.head.method == .DELETE: return control(endpoint, request)
            case _ where fixed.job != nil: return control(endpoint, request)
            default: return .response(answer(fixed))
            }
        case .member, .memberAction: return control(endpoint, request)
        case .check(let check): return .response(self.check(check, request))
        }
    }

    /// The clock is read first: a snapshot that is published in between only makes the answer fresher.
    private func current() -> (snapshot: ManagementSnapshot, moment: Instant) {
        let moment = now()
        return (snapshot().brought(to: moment, loopStalledAfter: loopStall), moment)
    }

    private func answer(_ endpoint: Endpoint.Fixed) -> ManagementResponse {
        let (current, moment) = current()
        switch endpoint {
        case .healthz: return alive(current, moment)
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
        case .status, .peer: return .json(current.status)
        case .cluster: return .json(current.cluster)
        case .history: return .json(current.history)
        case .jobs: return .json(current.jobs)
        case .consent, .vote, .switchover, .restart, .pause, .resume, .backups, .dumps, .drills, .retention,
            .verifications, .demote, .promote:
            return .problem(.internalServerError, "a command is not answered from memory")
        }
    }

    private func alive(_ current: ManagementSnapshot, _ moment: Instant) -> ManagementResponse {
        let age = current.age(at: moment)
        return probe(age <= loopStall, passed: "alive", reason: "the loop of PID 1 ran \(age.milliseconds) ms ago")
    }

    private func check(_ check: RoleCheck, _ request: ManagementRequest) -> ManagementResponse {
        guard let condition = RoleCheck.Condition(request.query) else {
            return .problem(
                .badRequest, "the query is not understood", hint: "lag=10MB (or bytes), replication_state=streaming")
        }
        let (current, moment) = current()
        if check == .liveness { return alive(current, moment) }
        guard let refusal = check.refusal(current, condition) else {
            return .json(Passed(status: current.status.role.rawValue, reason: current.status.readyReason))
        }
        return .problem(.serviceUnavailable, refusal)
    }

    private func probe(_ passes: Bool, passed: String, reason: String) -> ManagementResponse {
        passes
            ? .json(Passed(status: passed, reason: reason))
            : .problem(.serviceUnavailable, "not \(passed): \(reason)")
    }
}
