import ClusterModel
import NIOHTTP1

/// Who may ask this member for consent and for votes.
package enum PeerAccess: Sendable {
    /// No secret is configured: nobody. What the member says of itself is open then.
    case closed
    /// Whoever sends one of these with `Authorization: Bearer …`. The closure returns those that are valid now, without
    /// line feeds, and must not block; with none of them, nobody passes.
    case secrets(@Sendable () -> [String])
    /// Whoever shows a certificate that one of our authorities has signed, and asks in the name of that certificate.
    case certificates
}

/// Lets other members of the cluster pass, and nobody else.
struct PeerGate: Sendable {
    let access: PeerAccess

    /// The refusal to answer with; nil lets the request pass.
    /// - asksForMore: than what the member says of itself.
    /// - name: in which it asks, as far as it says so.
    func refusal(
        of request: ManagementRequest, asksForMore: Bool, name: MemberName? = nil
    ) -> ManagementResponse? {
        switch access {
        case .certificates:
            guard let shown = request.certificateNames else {
                return .problem(
                    .unauthorized, "a member's certificate is needed",
                    hint: "configure http.tls and peers.certificates on all members")
            }
            guard let name, !shown.contains(name.rawValue) else { return nil }
            return .problem(
                .forbidden, "the certificate is for \(shown), and the question is asked in the name of \(name)",
                hint: "each member needs a certificate with its own name among the DNS names")
        case .closed where !asksForMore: return nil
        case .closed:
            return .problem(
                .forbidden, "this member neither consents nor votes: it shares no secret with the others",
                hint: "configure peers.secretFile on all members")
        case .secrets(let current):
            let given = BearerToken.given(request.head.headers)
            // All of them are compared, whichever it is.
            let matches = current().map { BearerToken.constantTimeEqual(given ?? "", $0) }
            guard given != nil, matches.contains(true) else {
                return .problem(
                    .unauthorized, given == nil ? "the members' secret is needed" : "this is not the members' secret",
                    hint: "peers.secretFile must hold the same secret on all members",
                    headers: [(name: "WWW-Authenticate", value: "Bearer")])
            }
            return nil
        }
    }
}

/// `Authorization: Bearer …`
enum BearerToken {
    static func given(_ headers: HTTPHeaders) -> String? {
        let values = headers["Authorization"]
        guard values.count == 1, let value = values.first else { return nil }
        let parts = value.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return String(parts[1].drop { $0 == " " })
    }

    /// Takes as long for a token that differs in the first byte as for one that differs in the last.
    static func constantTimeEqual(_ left: String, _ right: String) -> Bool {
        let given = Array(left.utf8)
        let expected = Array(right.utf8)
        guard !expected.isEmpty else { return false }
        var difference = UInt8(given.count == expected.count ? 0 : 1)
        for index in given.indices { difference |= given[index] ^ expected[index % expected.count] }
        return difference == 0
    }
}
