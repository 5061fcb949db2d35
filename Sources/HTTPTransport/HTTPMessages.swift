/// One request. Redirects are not followed, and no proxy is used, whatever the environment says: peers, the
/// Kubernetes API and the object store are addressed directly.
package struct HTTPRequest: Sendable {
    /// A token such as `GET`.
    package var method: String
    /// `http://…` or `https://…`, percent-encoded.
    package var url: String
    /// In the order sent. Neither names nor values may contain line breaks.
    package var headers: [(String, String)]
    package var body: [UInt8]
    /// From being accepted to the last byte of the answer; connecting and resolving are part of it.
    package var timeout: Duration
    /// For resolving and connecting alone.
    package var connectTimeout: Duration
    /// Bytes of a body that are accepted; more is `tooLarge`.
    package var responseLimit: Int

    package init(
        method: String = "GET", url: String, headers: [(String, String)] = [], body: [UInt8] = [],
        timeout: Duration = .seconds(10), connectTimeout: Duration = .seconds(3), responseLimit: Int = 1 << 20
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
        self.connectTimeout = connectTimeout
        self.responseLimit = responseLimit
    }
}

/// A whole answer, whatever its status.
package struct HTTPResponse: Sendable, Hashable {
    package var status: Int
    package var body: [UInt8]
    /// By name in lower case; the values of a repeated header are joined by `, `.
    package var headers: [String: String]
    /// False when the connection of an earlier request was used.
    package var openedConnection: Bool

    package init(status: Int, body: [UInt8], headers: [String: String] = [:], openedConnection: Bool = false) {
        self.status = status
        self.body = body
        self.headers = headers
        self.openedConnection = openedConnection
    }
}

/// Why there is no answer. After `timedOut`, `unreachable` and `stopped` the server may have carried the request out.
package enum HTTPError: Error, Hashable, Sendable, CustomStringConvertible {
    case timedOut
    /// No connection, or it broke.
    case unreachable(String)
    /// The answer is larger than the request allows.
    case tooLarge
    /// The request cannot be sent, or the answer is no HTTP.
    case invalid(String)
    /// As many requests as the client takes are in flight. Nothing was sent.
    case overloaded
    /// The client was stopped.
    case stopped

    package var description: String {
        switch self {
        case .timedOut: "no answer in time"
        case .unreachable(let reason): reason
        case .tooLarge: "the answer is too large"
        case .invalid(let reason): reason
        case .overloaded: "too many requests at once"
        case .stopped: "the HTTP client was stopped"
        }
    }
}
