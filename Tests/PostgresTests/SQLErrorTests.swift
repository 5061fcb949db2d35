import Testing

@testable import Postgres

@Suite("Errors of a connection")
struct SQLErrorTests {
    private let socket = "connection to server on socket \"/run/x/.s.PGSQL.5432\" failed: "

    @Test("the SQLSTATE is found in whatever language the server speaks")
    func sqlState() {
        let text = socket + "FATAL:  57P03: the database system is starting up\nLOCATION:  ProcessStartupPacket\n"
        let error = SQLError.connecting(text)
        #expect(error.kind == .startingUp)
        #expect(error.sqlState == "57P03")
        #expect(!error.message.contains("LOCATION"))
        #expect(SQLError.connecting(socket + "FATALER:  57P03: das System startet").kind == .startingUp)
        #expect(SQLError.connecting(socket + "FATAL:  28P01: password authentication failed").kind == .authentication)
        #expect(SQLError.connecting(socket + "FATAL:  28000: no pg_hba.conf entry").kind == .authentication)
        #expect(SQLError.connecting(socket + "FATAL:  53300: too many connections").kind == .exhausted)
    }

    @Test("nobody who listens, no way, and a server that hung up are told apart")
    func withoutSQLState() {
        #expect(SQLError.connecting(socket + "No such file or directory\n\tIs the server running?").kind == .refused)
        #expect(SQLError.connecting("connection to server at \"::1\" failed: Connection refused").kind == .refused)
        #expect(SQLError.connecting("connection to server at \"x\" failed: No route to host").kind == .unreachable)
        #expect(
            SQLError.connecting(socket + "server closed the connection unexpectedly\n").kind == .disconnected)
        #expect(SQLError.connecting("fe_sendauth: no password supplied").kind == .authentication)
        #expect(SQLError.connecting("").kind == .unreachable)
    }

    @Test(
        "what only looks like a SQLSTATE is none",
        arguments: ["", "a:  abcde: x", "a:  ABCD: x", ":  ABCDE", "12:34:56"])
    func noState(text: String) { #expect(SQLError.sqlState(in: text) == nil) }
}
