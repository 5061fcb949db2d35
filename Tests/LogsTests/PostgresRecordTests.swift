import Testing

@testable import Logs

@Suite struct PostgresRecordTests {
    private func record(_ text: String) -> LogRecord {
        PostgresRecord.record(jsonLine: Array(text.utf8)[...], member: "pg-1")
    }

    private func line(_ text: String) throws -> JSONLine {
        try #require(try parse(LogFormat.json.lines(of: record(text)).joined()).first)
    }

    @Test("a record of PostgreSQL 15 keeps what it says, under our keys")
    func whole() throws {
        let line = try line(
            #"""
            {"timestamp":"2026-11-21 03:13:41.236 UTC","user":"app","dbname":"shop","pid":9555,\#
            "remote_host":"10.0.0.7","remote_port":40122,"session_id":"6b00fbd6.2553","line_num":4,"ps":"SELECT",\#
            "session_start":"2026-11-21 03:03:02 UTC","vxid":"4/12","txid":0,"error_severity":"ERROR",\#
            "state_code":"22012","message":"division by zero","detail":"d","hint":"h","statement":"select 1/0",\#
            "application_name":"psql","backend_type":"client backend","query_id":0}
            """#)
        let expected: JSONLine = [
            "ts": .text("2026-11-21T03:13:41.236Z"), "level": .text("error"), "logger": .text("postgres"),
            "msg": .text("division by zero"), "member": .text("pg-1"), "user": .text("app"), "dbname": .text("shop"),
            "pid": .number(9555), "remote_host": .text("10.0.0.7"), "remote_port": .number(40122),
            "session_id": .text("6b00fbd6.2553"), "line_num": .number(4), "ps": .text("SELECT"),
            "session_start": .text("2026-11-21 03:03:02 UTC"), "vxid": .text("4/12"),
            "error_severity": .text("ERROR"), "state_code": .text("22012"), "detail": .text("d"), "hint": .text("h"),
            "statement": .text("select 1/0"), "application_name": .text("psql"),
            "backend_type": .text("client backend"),
        ]
        #expect(line == expected)
    }

    @Test(
        "severities are mapped",
        arguments: [
            ("DEBUG5", "debug"), ("DEBUG1", "debug"), ("INFO", "info"), ("NOTICE", "info"), ("LOG", "info"),
            ("WARNING", "warning"), ("ERROR", "error"), ("FATAL", "critical"), ("PANIC", "critical"),
            ("SOMETHING", "info"),
        ])
    func severities(_ severity: String, _ level: String) throws {
        let line = try line(#"{"error_severity":"\#(severity)","message":"m"}"#)
        #expect(line["level"] == .text(level) && line["error_severity"] == .text(severity))
    }

    @Test("the end of one session is an error, the end of a process of the server is critical")
    func fatal() throws {
        for (type, level) in [("client backend", "error"), ("walsender", "error"), ("postmaster", "critical")] {
            let line = try line(#"{"error_severity":"FATAL","backend_type":"\#(type)","message":"m"}"#)
            #expect(line["level"] == .text(level))
        }
    }

    @Test("a time in another zone is kept as it stands, beside the time of reading")
    func otherZone() throws {
        let line = try line(#"{"timestamp":"2026-11-21 03:13:41.236 CET","error_severity":"LOG","message":"m"}"#)
        #expect(line["timestamp"] == .text("2026-11-21 03:13:41.236 CET"))
        #expect(line["ts"]?.text?.hasSuffix("Z") == true)
    }

    @Test("a record that was cut keeps its severity")
    func cut() throws {
        let line = try line(#"{"error_severity":"FATAL","message":"the beginning of"#)
        #expect(line["level"] == .text("critical") && line["msg"] == .text("the beginning of"))
    }

    @Test("a line in our own form keeps its level and logger")
    func own() throws {
        let line = try line(#"{"ts":"x","level":"error","logger":"wal","msg":"no archiver","segment":"0001"}"#)
        #expect(line["level"] == .text("error") && line["logger"] == .text("wal"))
        #expect(line["msg"] == .text("no archiver") && line["segment"] == .text("0001"))
        #expect(line["member"] == .text("pg-1") && line["ts"] != .text("x"))
    }

    @Test(
        "any other line becomes a message as it stands", arguments: ["{oops", "{}", #"{"level":"x","msg":"y"}"#, "x"])
    func other(_ text: String) throws {
        let line = try line(text)
        #expect(line["msg"] == .text(text) && line["level"] == .text("info") && line["logger"] == .text("postgres"))
    }

    @Test("keys of ours are not repeated by the server's")
    func collision() throws {
        let bytes = LogFormat.json.lines(of: record(#"{"error_severity":"LOG","message":"m","ts":"a","part":"b"}"#))
        let text = String(decoding: bytes.joined(), as: UTF8.self)
        #expect(text.contains(#""ts_":"a","part_":"b""#), "\(text)")
    }
}
