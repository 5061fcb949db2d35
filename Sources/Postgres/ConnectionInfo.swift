/// How to reach one server, for libpq in this process and, as text, for postgres and its programs.
package struct ConnectionInfo: Hashable, Sendable {
    /// A host name, an address, or a directory with a Unix-domain socket.
    package var host: String
    package var port: Int
    package var user: String
    package var database: String
    /// Shown in `pg_stat_activity` and `pg_stat_replication`; for replication, the member's name.
    package var applicationName: String
    /// A file in the format of `.pgpass`; nil: no password is offered.
    package var passwordFile: String?
    /// How TLS is asked for, in libpq's words.
    package var sslMode = "prefer"
    /// Certificates (PEM) of the authorities that are trusted; nil: libpq's default.
    package var sslRootCertificate: String?
    /// Further servers that do as well, tried in this order, for libpq's text form alone.
    package var alternatives: [Alternative] = []
    /// Whether the server shall take commands of the replication protocol beside SQL.
    package var replication = false

    package init(
        host: String, port: Int, user: String, database: String = "postgres", applicationName: String,
        passwordFile: String? = nil, replication: Bool = false
    ) {
        self.host = host
        self.port = port
        self.user = user
        self.database = database
        self.applicationName = applicationName
        self.passwordFile = passwordFile
        self.replication = replication
    }

    /// Reads `primary_conninfo` as this type writes it, for a connection to the database `postgres`; nil when host, port
    /// or user are missing.
    package init?(conninfo text: String, applicationName: String) {
        let values = Self.parse(text)
        guard let host = values["host"], let user = values["user"], let port = values["port"].flatMap({ Int($0) })
        else { return nil }
        self.init(host: host, port: port, user: user, applicationName: applicationName)
        if let file = values["passfile"], file != Self.noFile { passwordFile = file }
    }

    private static func parse(_ text: String) -> [String: String] {
        var values: [String: String] = [:]
        var rest = text[...]
        while let equals = rest.firstIndex(of: "=") {
            let name = rest[..<equals].split(separator: " ").joined()
            rest = rest[rest.index(after: equals)...]
            let isQuoted = rest.first == "'"
            if isQuoted { rest = rest.dropFirst() }
            var value = ""
            while let character = rest.popFirst(), character != (isQuoted ? "'" : " ") {
                if character == "\\", let next = rest.popFirst() { value.append(next) } else { value.append(character) }
            }
            values[name] = value
        }
        return values
    }

    package struct Alternative: Hashable, Sendable {
        package var host: String
        package var port: Int

        package init(host: String, port: Int) {
            self.host = host
            self.port = port
        }
    }

    package var isLocalSocket: Bool { host.hasPrefix("/") }

    /// libpq's text form. Holds no password, so it may appear in argument lists and in `primary_conninfo`.
    package var conninfo: String {
        var keywords = keywords
        if !alternatives.isEmpty {
            keywords[0].value = ([host] + alternatives.map(\.host)).joined(separator: ",")
            keywords[1].value = ([port] + alternatives.map(\.port)).map(String.init).joined(separator: ",")
        }
        return keywords.map { "\($0.name)=\(Self.quote($0.value))" }.joined(separator: " ")
    }

    /// Every keyword that an environment variable of this process could set otherwise is given.
    var keywords: [(name: String, value: String)] {
        var list = [
            ("host", host), ("port", String(port)), ("user", user), ("dbname", database),
            ("application_name", applicationName), ("passfile", passwordFile ?? Self.noFile),
            ("gssencmode", "disable"), ("sslmode", sslMode), ("target_session_attrs", "any"),
        ]
        if let sslRootCertificate { list.append(("sslrootcert", sslRootCertificate)) }
        if replication { list.append(("replication", "database")) }
        guard !isLocalSocket else { return list }
        // A peer that vanished without a word is noticed within some five seconds.
        list += [
            ("connect_timeout", "3"), ("tcp_user_timeout", "5000"), ("keepalives", "1"), ("keepalives_idle", "2"),
            ("keepalives_interval", "1"), ("keepalives_count", "3"),
        ]
        return list
    }

    /// Instead of ~/.pgpass. Of a path that exists and is no plain file, libpq complains on standard error.
    private static let noFile = "/dev/null/none"

    static func quote(_ value: String) -> String {
        let plain =
            !value.isEmpty
            && value.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "/._-:".utf8.contains(byte)
                }
            }
        if plain { return value }
        return "'" + value.replacing("\\", with: "\\\\").replacing("'", with: "\\'") + "'"
    }
}
