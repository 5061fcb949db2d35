import Testing

@testable import Logs

@Suite struct JSONLinesTests {
    private func record(_ message: String, _ fields: [LogRecord.Field] = []) -> LogRecord {
        LogRecord(
            time: 1_767_323_045_678, level: "info", logger: "pgmahout.test", message: message,
            identity: [LogRecord.Field("member", "pg-1")], fields: fields)
    }

    private func text(_ record: LogRecord) -> String {
        String(decoding: LogFormat.json.lines(of: record).joined(), as: UTF8.self)
    }

    @Test("a record is one line: time, level, logger, message, member, then its fields")
    func form() {
        let fields = [LogRecord.Field("from", "pg-2"), LogRecord.Field("processes", literal: "3")]
        #expect(
            text(record("promoted", fields)) == """
                {"ts":"2026-01-02T03:04:05.678Z","level":"info","logger":"pgmahout.test","msg":"promoted",\
                "member":"pg-1","from":"pg-2","processes":3}

                """)
    }

    @Test("quotes, backslashes and control characters are escaped, and no message makes a second line")
    func escapes() throws {
        let message = "a\"b\\c\nd\re\tf\u{0}g\u{1b}[31mh\u{7f}i\u{85}j\u{2028}k🐘"
        let line = text(record(message))
        #expect(line.utf8.count { $0 == 0x0a } == 1)
        #expect(!line.dropLast().unicodeScalars.contains { $0.properties.generalCategory == .control })
        #expect(try parse(line.utf8).map { $0["msg"] } == [.text(message)])
    }

    @Test("whatever the bytes are, every line is a JSON object of bounded length")
    func anything() throws {
        var random = SystemRandomNumberGenerator()
        for round in 0..<400 {
            let size = round % 20 == 0 ? Int.random(in: 4000...40_000) : Int.random(in: 0...200)
            let bytes = (0..<size).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            let record = PostgresRecord.plain(bytes, member: String(decoding: bytes.prefix(9), as: UTF8.self))
            let lines = LogFormat.json.lines(of: record)
            for line in lines {
                #expect(line.count <= 4096)
                #expect(line.last == 0x0a && line.dropLast().allSatisfy { $0 >= 0x20 })
            }
            let message = try parse(lines.joined()).compactMap { $0["msg"]?.text }.joined()
            #expect(message == String(decoding: bytes, as: UTF8.self))
        }
    }

    @Test("a record that is too long goes on in further lines, and joined they are the whole")
    func parts() throws {
        let message = String(repeating: "élan \"quoted\" \n", count: 2000)
        let plan = String(repeating: "🐘\t", count: 3000)
        let fields = [
            LogRecord.Field("statement", plan), LogRecord.Field("state_code", "22012"),
            LogRecord.Field("pid", literal: "42"),
        ]
        let lines = LogFormat.json.lines(of: record(message, fields))
        #expect(lines.count > 5 && lines.allSatisfy { $0.count <= 4096 })
        let parsed = try parse(lines.joined())
        #expect(parsed.map { $0["part"] } == (1...lines.count).map { .number(Double($0)) })
        for line in parsed {
            #expect(line["member"] == .text("pg-1") && line["ts"] == .text("2026-01-02T03:04:05.678Z"))
            #expect(line["level"] == .text("info") && line["logger"] == .text("pgmahout.test"))
            #expect(line["msg"] != nil && line["truncated"] == nil)
        }
        #expect(parsed.compactMap { $0["msg"]?.text }.joined() == message)
        #expect(parsed.compactMap { $0["statement"]?.text }.joined() == plan)
        // What is short is on the first line, whatever stands before it.
        #expect(parsed.first?["state_code"] == .text("22012"))
        #expect(parsed.first?["pid"] == .number(42))
    }

    @Test("a record beyond all measure is cut, and says so")
    func truncation() throws {
        let lines = LogFormat.json.lines(of: record(String(repeating: "x", count: 1_000_000)))
        #expect(lines.count == JSONLines.maximumParts)
        let parsed = try parse(lines.joined())
        #expect(parsed.dropLast().allSatisfy { $0["truncated"] == nil })
        #expect(parsed.last?["truncated"] == .flag(true))
    }

    @Test("long keys and identities leave room for the message")
    func longNames() throws {
        var long = record(
            "message", (0..<50).map { LogRecord.Field(String(repeating: "k", count: 500) + "\($0)", "v") })
        long.identity = [LogRecord.Field("member", String(repeating: "\n", count: 5000))]
        long.logger = String(repeating: "\u{1}", count: 5000)
        let lines = LogFormat.json.lines(of: long)
        #expect(lines.allSatisfy { $0.count <= 4096 })
        #expect(try parse(lines.joined()).compactMap { $0["msg"]?.text }.joined() == "message")
    }

    @Test("text for terminals is one line of bounded length without control characters")
    func textFormat() {
        let fields = [LogRecord.Field("from", "pg 2"), LogRecord.Field("processes", literal: "3")]
        let line = LogFormat.text.lines(of: record("a \"b\"\n\u{1b}[31m", fields))
        #expect(
            line.map { String(decoding: $0, as: UTF8.self) } == [
                "2026-01-02T03:04:05.678Z info pgmahout.test: a \"b\"\\n\\u001b[31m member=pg-1 from=\"pg 2\" processes=3\n"
            ])
        let long = LogFormat.text.lines(of: record(String(repeating: "é", count: 5000)))
        #expect(long.count == 1 && long[0].count <= 4096)
        #expect(String(validating: long[0], as: UTF8.self)?.hasSuffix("…\n") == true)
    }
}
