import ClusterModel
import NIOHTTP1

/// What is passed on to the supervisor, and what it says to it.
extension Router {
    private struct Accepted: Encodable {
        let id: String
    }

    private struct Done: Encodable {
        let status: String
    }

    func control(_ endpoint: Endpoint, _ request: ManagementRequest) -> Outcome {
        if let refusal = gate.refusal(of: request) { return .response(refusal) }
        if let refusal = Self.mediaTypeRefusal(request) { return .response(refusal) }
        do throws(JSONBody.Mistake) {
            guard let control = try Self.read(endpoint, request) else {
                return .response(.problem(.internalServerError, "a reading request is no command"))
            }
            return .control(control)
        } catch {
            return .response(
                .problem(
                    .badRequest, "the request cannot be understood: \(error)", hint: Self.example(endpoint, request)))
        }
    }

    private static func read(
        _ endpoint: Endpoint, _ request: ManagementRequest
    ) throws(JSONBody.Mistake) -> ControlRequest? {
        let isDeletion = request.head.method == .DELETE
        func body(_ keys: String...) throws(JSONBody.Mistake) -> CommandBody {
            try CommandBody(request.body, keys: keys)
        }
        switch endpoint {
        case .fixed(.switchover):
            if isDeletion {
                _ = try body()
                return .cancelSwitchover
            }
            let body = try body("from", "to", "at", "force")
            return .switchover(
                SwitchoverCommand(
                    from: try body.name("from"), to: try body.name("to"), at: try body.moment("at"),
                    force: try body.flag("force")))
        case .fixed(.restart):
            if isDeletion {
                _ = try body()
                return .cancelRestart
            }
            let body = try body("onlyIfPending", "at")
            return .restart(
                RestartCommand(onlyIfPending: try body.flag("onlyIfPending"), at: try body.moment("at")))
        case .member(let name): return .remove(name, force: try removesByForce(request))
        case .memberAction(let name, .reclone): return .reclone(name, from: try body("from").name("from"))
        case .memberAction(let name, let action):
            _ = try body()
            switch action {
            case .fence: return .fence(name)
            case .unfence: return .unfence(name)
            case .restart, .reclone: return .restartMember(name)
            }
        case .fixed(.demote):
            if isDeletion {
                _ = try body()
                return .cancelDemotion
            }
            let body = try body("to", "slot")
            return .demote(RemoteCluster(host: try body.hosts("to"), slot: try body.text("slot")))
        case .fixed(.promote):
            if isDeletion {
                _ = try body()
                return .cancelPromotion
            }
            let body = try body("token", "force")
            return .promote(try body.token("token"), force: try body.flag("force"))
        case .fixed(.pause):
            _ = try body()
            return .pause
        case .fixed(.resume):
            _ = try body()
            return .resume
        case .fixed(.jobs):
            _ = try body()
            return .cancelJob
        case .fixed(let fixed):
            guard let kind = fixed.job else { return nil }
            _ = try body()
            return .job(kind)
        case .check: return nil
        }
    }

    /// In the body or, because many clients send none with DELETE, in the query.
    private static func removesByForce(_ request: ManagementRequest) throws(JSONBody.Mistake) -> Bool {
        var force = try CommandBody(request.body, keys: ["force"]).flag("force")
        for (name, value) in request.query {
            guard name == "force", ["true", "false"].contains(value) else {
                throw JSONBody.Mistake(description: "unknown parameter '\(name.prefix(64))'")
            }
            force = force || value == "true"
        }
        return force
    }

    private static func example(_ endpoint: Endpoint, _ request: ManagementRequest) -> String {
        switch endpoint {
        case .fixed(.switchover) where request.head.method == .POST:
            #"send {"from": "PRIMARY", "to": "MEMBER", "at": "2026-01-02T03:04:05Z", "force": false}, each optional"#
        case .fixed(.restart) where request.head.method == .POST:
            #"send {"onlyIfPending": true, "at": "2026-01-02T03:04:05Z"}, each optional"#
        case .fixed(.demote) where request.head.method == .POST:
            #"send {"to": "HOST:PORT,HOST:PORT", "slot": "NAME"}, each optional"#
        case .fixed(.promote) where request.head.method == .POST:
            #"send {"token": "TOKEN"}, or {"force": true}"#
        case .memberAction(_, .reclone): #"send {"from": "MEMBER"}, or {}"#
        case .member: "add ?force=true, or nothing"
        default: "send {}, or no body"
        }
    }

    func question(_ endpoint: Endpoint.Fixed, _ request: ManagementRequest) -> Outcome {
        if let refusal = peers.refusal(of: request, asksForMore: true) { return .response(refusal) }
        if let refusal = Self.mediaTypeRefusal(request) { return .response(refusal) }
        do throws(JSONBody.Mistake) {
            let question: PeerRequest =
                endpoint == .vote
                ? .vote(try JSONBody.decode(VoteRequest.self, request.body))
                : .consent(try JSONBody.decode(ConsentRequest.self, request.body))
            let name =
                switch question {
                case .vote(let vote): vote.candidate
                case .consent(let consent): consent.holder.name
                }
            if let refusal = peers.refusal(of: request, asksForMore: true, name: name) { return .response(refusal) }
            return .peer(question)
        } catch {
            return .response(.problem(.badRequest, "the request cannot be understood: \(error)"))
        }
    }

    /// Also for an empty body: a browser can send anything but JSON to a foreign address without asking first. It asks
    /// before every DELETE.
    private static func mediaTypeRefusal(_ request: ManagementRequest) -> ManagementResponse? {
        if request.head.method == .DELETE, request.body.isEmpty { return nil }
        guard mediaType(request.head.headers) != "application/json" else { return nil }
        return .problem(
            .unsupportedMediaType, "the body must be JSON", hint: "send the header 'Content-Type: application/json'")
    }

    private static func mediaType(_ headers: HTTPHeaders) -> String? {
        headers.first(name: "Content-Type").map { value in
            value.prefix { $0 != ";" }.filter { $0 != " " && $0 != "\t" }.lowercased()
        }
    }

    /// What the supervisor's answer looks like to the client.
    static func response(to answer: ControlAnswer) -> ManagementResponse {
        switch answer {
        case .accepted(let id): .json(Accepted(id: id), status: .accepted)
        case .done(let status): .json(Done(status: status))
        case .refused(let reason, let hint, let bytes):
            .problem(.conflict, reason, hint: hint, wouldLoseBytes: bytes)
        case .notFound(let reason, let hint): .problem(.notFound, reason, hint: hint)
        case .unavailable(let reason): .problem(.serviceUnavailable, reason, hint: "try again")
        }
    }

    static func response(to answer: PeerAnswer?) -> ManagementResponse {
        answer.map { .json($0) } ?? .problem(.serviceUnavailable, "this cannot be answered now")
    }

    static let unanswered = ManagementResponse.problem(
        .gatewayTimeout, "the supervisor did not answer in time",
        hint: "what was asked for may still come: GET /v1/cluster tells whether it is pending")

    static let unansweredPeer = ManagementResponse.problem(.gatewayTimeout, "the supervisor did not answer in time")
}
