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
    /// How long neither a byte may be sent nor one come in, from the start on; nil: as long as `timeout`. Measured
    /// exactly for what comes in; what is sent may extend it to twice its length.
    package var idleTimeout: Duration?
    /// Bytes of a body that are accepted; more is `tooLarge`. A stream has no limit: nobody keeps it.
    package var responseLimit: Int
    /// For `https`.
    package var tls: HTTPTLS
    /// `host:port` to connect to instead of what the URL names, which the certificate must be for all the same.
    package var connectTo: String?
    /// Whether the request, when it has a body, may be sent once more if a kept connection breaks before the answer
    /// begins. The server may have carried it out already: false for what must not be done twice, which then is
    /// `unreachable`.
    package var resends: Bool

    package init(
        method: String = "GET", url: String, headers: [(String, String)] = [], body: [UInt8] = [],
        timeout: Duration = .seconds(10), connectTimeout: Duration = .seconds(3), idleTimeout: Duration? = nil,
        responseLimit: Int = 1 << 20, tls: HTTPTLS = HTTPTLS(), resends: Bool = true
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
        self.connectTimeout = connectTimeout
        self.idleTimeout = idleTimeout
        self.responseLimit = responseLimit
        self.tls = tls
        self.resends = resends
    }
}

/// What an answer begins with, whatever its status.
package struct HTTPResponseHead: Sendable, Hashable {
    package var status: Int
    /// By name in lower case; the values of a repeated header are joined by `, `.
    package var headers: [String: String]

    package init(status: Int, headers: [String: String] = [:]) {
        self.status = status
        self.headers = headers
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
    /// The two sides do not trust each other, or have no TLS in common; the text says which and why. The server has
    /// not carried anything out.
    case tls(String)
    /// The answer is larger than the request allows.
    case tooLarge
    /// The request cannot be sent, or the answer is no HTTP.
    case invalid(String)
    /// As many requests as the client takes are in flight. Nothing was sent.
    case overloaded
    /// The client was stopped, or the stream cancelled.
    case stopped

    package var description: String {
        switch self {
        case .timedOut: "no answer in time"
        case .unreachable(let reason): reason
        case .tls(let reason): reason
        case .tooLarge: "the answer is too large"
        case .invalid(let reason): reason
        case .overloaded: "too many requests at once"
        case .stopped: "the request was cancelled"
        }
    }
}
