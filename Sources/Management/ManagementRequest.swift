import NIOHTTP1

/// A complete request.
struct ManagementRequest {
    var head: HTTPRequestHead
    var body: [UInt8]
    /// Whether the peer connected over the loopback interface; false when its address is not known.
    var peerIsLocal: Bool
    /// Names of the client's certificate, which one of our authorities has signed; nil: it has shown none.
    var certificateNames: [String]?

    /// Without query, and without scheme and authority, which the absolute form of a target has.
    var path: String { String(target.prefix { $0 != "?" && $0 != "#" }) }

    /// The parameters behind the question mark as they are written; one without a value has an empty one.
    var query: [(name: String, value: String)] {
        let rest = target.prefix { $0 != "#" }
        guard let mark = rest.firstIndex(of: "?") else { return [] }
        return rest[rest.index(after: mark)...].split(separator: "&").map { parameter in
            let name = parameter.prefix { $0 != "=" }
            return (String(name), String(parameter.dropFirst(name.count + 1)))
        }
    }

    private var target: Substring {
        var target = head.uri[...]
        for scheme in ["http://", "https://"] where target.lowercased().hasPrefix(scheme) {
            target = target.dropFirst(scheme.count)
            target = target.firstIndex(of: "/").map { target[$0...] } ?? "/"
        }
        return target
    }
}

/// A complete response.
struct ManagementResponse: Sendable {
    var status: HTTPResponseStatus
    var contentType = "application/json"
    var body: [UInt8]
    var headers: [(name: String, value: String)] = []

    /// An answer of 2xx with `value` as its body.
    static func json(_ value: some Encodable, status: HTTPResponseStatus = .ok) -> ManagementResponse {
        guard let body = JSONBody.encode(value) else {
            return .problem(.internalServerError, "the answer has no JSON form")
        }
        return ManagementResponse(status: status, body: body)
    }

    /// Every answer of 4xx and 5xx has this form.
    static func problem(
        _ status: HTTPResponseStatus, _ error: String, hint: String? = nil, wouldLoseBytes: UInt64? = nil,
        headers: [(name: String, value: String)] = []
    ) -> ManagementResponse {
        let body = JSONBody.encode(JSONBody.Problem(error: error, hint: hint, wouldLoseBytes: wouldLoseBytes)) ?? []
        return ManagementResponse(status: status, body: body, headers: headers)
    }
}
