import Configuration
import Testing

struct MistakesTests {
    @Test("ten different mistakes are all reported at once, each with line, column, key, what was found and the remedy")
    func tenMistakes() {
        let found = mistakes(
            """
            cluster: Demo_1
            dataDirectory: data
            postgres:
              prot: 5433
              port: 70000
              host: 10.0.0.1
              parameters: {archive_mode: "off"}
              hba: ["hots all all all trust"]
            lease:
              duration: 4s
              renewEvery: soon
              file: {path: /shared/demo.lease}
              file: {path: /shared/other.lease}
            """)
        #expect(
            found.map(\.description).joined(separator: "\n") == """
                pgmahout.yaml:1:1: member: missing; 1 to 63 lower-case letters, digits and '-' that begin and end \
                with a letter or digit, such as pg-1; or set the environment variable POD_NAME
                pgmahout.yaml:1:10: cluster: found 'Demo_1'; 1 to 63 lower-case letters, digits and '-' that begin \
                and end with a letter or digit, such as pg-1
                pgmahout.yaml:2:16: dataDirectory: found 'data'; an absolute path without '..'
                pgmahout.yaml:4:3: postgres.prot: found an unknown key; did you mean 'port'?
                pgmahout.yaml:5:9: postgres.port: found '70000'; a whole number from 1 to 65535
                pgmahout.yaml:7:16: postgres.parameters.archive_mode: found a setting that is managed; pgmahout ships \
                WAL by itself: see the section archive
                pgmahout.yaml:8:9: postgres.hba[0]: found 'hots all all all trust'; a line that begins with local, \
                host, hostssl, hostnossl, hostgssenc or hostnogssenc
                pgmahout.yaml:10:13: lease.giveUpAfter: found 4s, with which a server may write until 4.545s after a \
                renewal while others take over after 3.96s; (giveUpAfter + killWithin) * (1 + clockRateError) \
                <= duration * (1 - clockRateError): at most 3420ms here, or a longer duration
                pgmahout.yaml:11:15: lease.renewEvery: found 'soon'; a time from 10ms to 10m, such as 500ms, 6s or 2m
                pgmahout.yaml:13:3: lease.file: found again, first in line 12; each key may stand only once in its \
                section
                """)
    }

    @Test(
        "an unknown key is answered with the nearest known name, of its own section first",
        arguments: [
            ("htpp: {}", "htpp", "did you mean 'http'?"),
            ("Cluster: x", "Cluster", "did you mean 'cluster'?"),
            ("data_directory: /x", "data_directory", "did you mean 'dataDirectory'?"),
            ("maximumLag: 1MB", "maximumLag", "did you mean 'replication.maximumLag'?"),
            ("shutdown: {fsat: 1s}", "shutdown.fsat", "did you mean 'fast'?"),
            ("failover: {zzzzzzzzz: 1}", "failover.zzzzzzzzz", "known here are crashRestartBudget, unresponsiveBudget"),
            ("bootstrap: {initbd: {}}", "bootstrap.initbd", "did you mean 'initdb'?"),
        ])
    func unknownKey(line: String, key: String, remedy: String) {
        let found = mistakes(minimal(line))
        #expect(found.map(\.key) == [key])
        #expect(found.map(\.found) == ["found an unknown key"])
        #expect(found.map(\.allowed) == [remedy])
    }

    @Test("keys that stand twice or more are reported at each repetition, beside other mistakes")
    func repeatedKeys() {
        let found = mistakes(minimal("http: {port: 1, port: 2, \"port\": x}\nlog: {level: loud}\ncluster: demo"))
        #expect(
            found.map(\.description).joined(separator: "\n") == """
                pgmahout.yaml:6:17: http.port: found again, first in line 6; each key may stand only once in its section
                pgmahout.yaml:6:26: http.port: found again, first in line 6; each key may stand only once in its section
                pgmahout.yaml:6:34: http.port: found 'x'; a whole number from 1 to 65535
                pgmahout.yaml:7:14: log.level: found 'loud'; trace, debug, info, notice, warning, error or critical
                pgmahout.yaml:8:1: cluster: found again, first in line 1; each key may stand only once in its section
                """)
    }

    @Test(
        "broken YAML is one mistake with its position",
        arguments: [
            ("cluster: [a", 1...2), ("a: b: c", 1...1), ("cluster: x\n\tmember: y", 2...2), ("a: \u{1}", 1...1),
            ("cluster: x\n---\ncluster: y", 2...3), ("a: *b", 1...1), ("'a", 1...1),
        ])
    func syntax(text: String, lines: ClosedRange<Int>) throws {
        let found = mistakes(text)
        #expect(found.count == 1)
        let mistake = try #require(found.first)
        #expect(mistake.found.hasPrefix("found no valid YAML: "))
        guard case .file("pgmahout.yaml", let line, _) = mistake.place else {
            Issue.record("\(mistake)")
            return
        }
        #expect(lines.contains(line))
    }

    @Test("an empty file lacks what is required, and nothing else")
    func emptyFile() {
        let missing = ["cluster", "dataDirectory", "lease.file.path", "member", "postgres.host"]
        #expect(mistakes("").map(\.key).sorted() == missing)
        #expect(mistakes("# nothing\n").map(\.key).sorted() == missing)
    }

    @Test("a section that is a list or a word is one mistake that names its keys")
    func wrongShape() {
        #expect(
            mistakes(minimal("log: [json]\nfailover: 3s")).map(\.description).joined(separator: "\n") == """
                pgmahout.yaml:6:6: log: found a list; a section with the keys level, format
                pgmahout.yaml:7:11: failover: found '3s'; a section with the keys crashRestartBudget, unresponsiveBudget
                """)
        #expect(mistakes("- cluster").contains { $0.key == "" && $0.found == "found a list" })
    }

    @Test("aliases that multiply without bound are refused at once")
    func manyAliases() {
        var text = "a: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1...8 {
            text +=
                "b\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ") + "]\n"
        }
        #expect(mistakes(text).contains { $0.found == "found too many values" })
    }

    @Test("deep nesting ends in a mistake, not in a crash")
    func deepNesting() {
        #expect(!mistakes("a: " + String(repeating: "[", count: 50_000)).isEmpty)
    }

    @Test("values that are long or have several lines are quoted short and on one line")
    func longValues() throws {
        let found = mistakes(minimal("log: {level: \"\(String(repeating: "x", count: 500))\\n\"}"))
        let text = try #require(found.first).description
        #expect(text.utf8.count < 200 && !text.contains("\n"))
    }
}
