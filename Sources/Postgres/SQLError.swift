import Glibc

/// Why a connection could not be made, or a statement did not succeed.
package struct SQLError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: Hashable, Sendable {
        /// Nobody listens: the postmaster is not there (yet), or its socket is gone.
        case refused
        /// The server is there, and starts up, recovers or shuts down (SQLSTATE 57P03).
        case startingUp
        /// Wrong password, or no line of pg_hba.conf allows it (class 28).
        case authentication
        /// Its table of connections is full, or this user's share of it (SQLSTATE 53300).
        case exhausted
        /// The deadline passed: the server, its disk or the network hangs. The connection is dropped.
        case timedOut
        /// The connection broke, or the server ended it.
        case disconnected
        /// No way to the server: names, routes, a firewall.
        case unreachable
        /// The server answered with an error: see `sqlState`. The connection goes on.
        case server
    }

    package let kind: Kind
    /// Five characters; nil when the error is not the server's.
    package let sqlState: String?
    package let message: String

    package init(_ kind: Kind, sqlState: String? = nil, _ message: String) {
        self.kind = kind
        self.sqlState = sqlState
        self.message = message
    }

    package var description: String { sqlState.map { "\(message) (SQLSTATE \($0))" } ?? message }

    /// What libpq says of a connection that failed. It has no field for the SQLSTATE there, but with verbose errors it
    /// stands in the text, in whatever language: `…: FATAL:  57P03: the database system is starting up`.
    static func connecting(_ text: String) -> SQLError {
        let firstLine = text.split(separator: "\n").first.map(String.init) ?? "no reason given"
        if let state = sqlState(in: text) {
            let kind: Kind =
                switch state {
                case "57P03": .startingUp
                case "53300": .exhausted
                case _ where state.hasPrefix("28"): .authentication
                default: .server
                }
            return SQLError(kind, sqlState: state, firstLine)
        }
        for code in [ECONNREFUSED, ENOENT] where text.contains(reason(code)) { return SQLError(.refused, firstLine) }
        for phrase in ["server closed the connection unexpectedly", reason(ECONNRESET)] where text.contains(phrase) {
            return SQLError(.disconnected, firstLine)
        }
        // The client gives up before it sends anything: no password at hand, or none that fits the method.
        if text.contains("no password supplied") { return SQLError(.authentication, firstLine) }
        return SQLError(.unreachable, firstLine)
    }

    private static func reason(_ code: Int32) -> String {
        strerror(code).map { String(cString: $0) } ?? "errno \(code)"
    }

    /// Five characters between `:  ` and `: `.
    static func sqlState(in text: String) -> String? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 10 else { return nil }
        let colon = UInt8(ascii: ":")
        let space = UInt8(ascii: " ")
        for start in 3..<(bytes.count - 6) {
            guard bytes[start - 3] == colon, bytes[start - 2] == space, bytes[start - 1] == space,
                bytes[start + 5] == colon, bytes[start + 6] == space
            else { continue }
            let code = bytes[start..<start + 5]
            let isCode = code.allSatisfy { byte in
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
            }
            if isCode { return String(decoding: code, as: UTF8.self) }
        }
        return nil
    }
}
