import NIOHTTP1

/// Decides whether a request may change things.
struct ControlGate: Sendable {
    let access: ControlAccess
    /// Of client certificates that may.
    var names: [String] = []

    /// The refusal to answer with; nil lets the request pass.
    func refusal(of request: ManagementRequest) -> ManagementResponse? {
        if let shown = request.certificateNames, shown.contains(where: names.contains) { return nil }
        return switch access {
        case .token(let current): tokenRefusal(of: request, current: current())
        case .loopbackOnly: loopbackRefusal(of: request)
        }
    }

    private func tokenRefusal(of request: ManagementRequest, current: String?) -> ManagementResponse? {
        let challenge = [(name: "WWW-Authenticate", value: "Bearer")]
        guard let current, !current.isEmpty else {
            return .problem(
                .unauthorized, "no request can be authorized: the token cannot be read, or is empty",
                hint: "see to the file that http.tokenFile names", headers: challenge)
        }
        guard let given = BearerToken.given(request.head.headers) else {
            return .problem(
                .unauthorized, "a bearer token is needed", hint: "send the header 'Authorization: Bearer TOKEN'",
                headers: challenge)
        }
        guard BearerToken.constantTimeEqual(given, current) else {
            return .problem(.unauthorized, "the bearer token is not the right one", headers: challenge)
        }
        return nil
    }

    /// Without a token the loopback address is the credential, so nothing may borrow it: not a browser on this machine
    /// that a foreign page directs here, nor a proxy that passes others' requests on.
    private func loopbackRefusal(of request: ManagementRequest) -> ManagementResponse? {
        let borrowed = ["Origin", "Forwarded", "X-Forwarded-For"].first { request.head.headers.contains(name: $0) }
        guard request.peerIsLocal, borrowed == nil else {
            return .problem(
                .forbidden,
                borrowed.map { "without a token, requests with the header '\($0)' may change nothing" }
                    ?? "without a token, only requests from this machine itself may change anything",
                hint: "configure http.tokenFile, or send the request from inside the pod")
        }
        return nil
    }
}
