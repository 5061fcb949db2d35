import TLS

/// Where the management interface listens, and who may change things through it.
package struct ManagementConfiguration: Sendable {
    /// An address or a name of this machine; `0.0.0.0` and `::` are all addresses.
    package var host: String
    /// 0: any free port.
    package var port: Int
    package var access: ControlAccess
    package var peers: PeerAccess
    /// Beside plain HTTP, on the same port; nil: none.
    package var tls: TLSServer?
    /// Names of client certificates that may change things, whatever `access` says.
    package var controllers: [String] = []
    package var limits = ManagementLimits()

    package init(host: String, port: Int, access: ControlAccess, peers: PeerAccess = .closed) {
        self.host = host
        self.port = port
        self.access = access
        self.peers = peers
    }
}

/// Who may change things. Reading needs no credentials.
package enum ControlAccess: Sendable {
    /// Only peers that connect over the loopback interface.
    case loopbackOnly
    /// Only requests with `Authorization: Bearer …`. The closure returns the token that is valid now, without
    /// the line feed of its file, and must not block; nil, or an empty token, refuses every change.
    case token(@Sendable () -> String?)
}

/// Bounds of what a client can make the server hold or wait for.
package struct ManagementLimits: Sendable {
    /// A further connection takes the place of the one that has waited longest, or is closed.
    package var connections = 256
    /// Bytes of the request line and all header fields together.
    package var headerBytes = 16 << 10
    package var headerFields = 64
    package var bodyBytes = 16 << 10
    /// Requests that are read ahead of the one being answered.
    package var pipelinedRequests = 64
    /// From the first byte of a request, or from the start of the connection, to the last.
    package var request: Duration = .seconds(5)
    /// Between two requests of one connection.
    package var idle: Duration = .seconds(75)
    /// For the client to take a response.
    package var response: Duration = .seconds(10)
    /// For the supervisor to answer a command.
    package var command: Duration = .seconds(10)
    /// For the supervisor to answer another member.
    package var peer: Duration = .seconds(2)
    /// A loop that has not run for this long is not alive.
    package var loopStall: Duration = .seconds(5)

    package init() {}
}
