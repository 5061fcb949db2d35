import Testing

@testable import Logs

@Suite struct PlainServerLogTests {
    private func records(_ text: String) -> [LogRecord] {
        var (splitter, log, records) = (LineSplitter(), PlainServerLog(member: "pg-1"), [LogRecord]())
        splitter.append(Array(text.utf8)) { records += log.append($0) }
        splitter.finish { records += log.append($0) }
        return records + log.finish()
    }

    private func value(_ key: String, _ record: LogRecord) -> String? {
        record.fields.first { $0.key == key }.map {
            switch $0.value {
            case .text(let text), .literal(let text): text
            }
        }
    }

    @Test("a message gets the level of its severity and keeps the prefix")
    func message() throws {
        let found = records("2026-11-21 03:13:41.236 CET [9555] FATAL:  could not open the file: it is gone\n")
        try #require(found.count == 1)
        #expect(found[0].level == "critical")
        #expect(found[0].message == "could not open the file: it is gone")
        #expect(value("prefix", found[0]) == "2026-11-21 03:13:41.236 CET [9555]")
        #expect(value("error_severity", found[0]) == "FATAL")
    }

    @Test("lines that continue it, and its details, belong to the message")
    func details() throws {
        let found = records(
            """
            [1] ERROR:  first
            \tsecond
            [1] DETAIL:  why
            \tand why else
            [1] HINT:  what to do
            [1] STATEMENT:  select
            \t1/0
            LOG:  next

            """)
        try #require(found.count == 2)
        #expect(found[0].message == "first\nsecond")
        #expect(value("detail", found[0]) == "why\nand why else")
        #expect(value("hint", found[0]) == "what to do")
        #expect(value("statement", found[0]) == "select\n1/0")
        #expect(found[1].message == "next" && found[1].level == "info")
    }

    @Test("lines of other programs stand alone, and ours keep their level")
    func otherPrograms() throws {
        let found = records(
            """
            cp: cannot stat 'x': No such file
            LOG:  from the server
            sh: 1: exec: not found
            \tnot a continuation of the server's
            {"level":"error","msg":"ours"}
            HINT:  of nothing
            """)
        #expect(
            found.map(\.message) == [
                "cp: cannot stat 'x': No such file", "from the server", "sh: 1: exec: not found",
                "\tnot a continuation of the server's", "ours", "HINT:  of nothing",
            ])
        #expect(found.map(\.level) == ["info", "info", "info", "info", "error", "info"])
    }

    @Test("however the stream is cut, the lines are the same")
    func chunks() {
        let text = Array("one\ntwo\n\nthree".utf8)
        for size in 1...text.count {
            var (splitter, lines) = (LineSplitter(), [String]())
            for begin in stride(from: 0, to: text.count, by: size) {
                splitter.append(Array(text[begin..<min(begin + size, text.count)])) {
                    lines.append(String(decoding: $0, as: UTF8.self))
                }
            }
            splitter.finish { lines.append(String(decoding: $0, as: UTF8.self)) }
            #expect(lines == ["one", "two", "", "three"])
        }
    }

    @Test("of a line without end only a bounded part is kept, and the next line is whole")
    func endless() {
        var (splitter, lines) = (LineSplitter(), [Int]())
        let filler = [UInt8](repeating: UInt8(ascii: "x"), count: 100_000)
        for _ in 0..<100 { splitter.append(filler) { lines.append($0.count) } }
        splitter.append(Array("\nnext\n".utf8)) { lines.append($0.count) }
        #expect(lines == [LineSplitter.maximumBytes, 4])
    }
}
