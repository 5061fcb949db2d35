import Configuration
import Testing

struct PostgresValuesTests {
    private func parameters(_ text: String) -> [ConfigurationError] {
        mistakes(minimal().replacing("{host", with: "{parameters: \(text), host"))
    }

    @Test(
        "settings that belong to pgmahout are refused with the reason",
        arguments: [
            ("{archive_command: 'cp %p /x'}", "pgmahout ships WAL by itself"),
            ("{PORT: 1}", "set postgres.port instead"),
            ("{primary_conninfo: x}", "on every change of the primary"), ("{wal_level: minimal}", "wal_level replica"),
            ("{max_wal_senders: 3}", "at least 10"), ("{log_destination: stderr}", "merged into pgmahout's own"),
            ("{recovery_target_time: x}", "pgmahout restore"), ("{wal_log_hints: 'on'}", "pg_rewind"),
            ("{hba_file: /x}", "postgres.hba"), ("{listen_addresses: x}", "postgres.listen"),
        ])
    func managed(text: String, reason: String) throws {
        let found = parameters(text)
        #expect(found.count == 1)
        #expect(try #require(found.first).allowed.contains(reason))
        #expect(try #require(found.first).key.hasPrefix("postgres.parameters."))
    }

    @Test(
        "settings that are none are refused",
        arguments: [
            "[a]", "{a b: 1}", "{1a: x}", "{a.b.c: 1}", "{a: [1]}", "{a: }", "{a: \"x\\ny\"}", "{a: 1, A: 2}",
            "{'': 1}",
        ])
    func badSettings(text: String) {
        #expect(parameters(text).count == 1)
    }

    @Test("managed settings may be raised where more is safe")
    func raised() throws {
        let configuration = try load(
            minimal().replacing("{host", with: "{parameters: {max_wal_senders: 20, wal_level: logical}, host"))
        #expect(configuration.postgres.parameters == ["max_wal_senders": "20", "wal_level": "logical"])
    }

    @Test(
        "lines of pg_hba.conf have a known type, enough fields and a known method",
        arguments: [
            ("all all trust", "a line that begins with"), ("# comment", "a line that begins with"),
            ("include other.conf", "a line that begins with"), ("local all all", "local DATABASE USER METHOD"),
            ("host all all trust", "host DATABASE USER ADDRESS METHOD"), ("", "a line that begins with"),
            ("hostssl all all 10.0.0.0/8 scram", "a line whose method is one of"),
            ("local all all peer\\nhost all all all trust", "one line an entry"),
        ])
    func badLines(line: String, remedy: String) throws {
        let found = mistakes(minimal().replacing("{host", with: "{hba: [\"\(line)\"], host"))
        #expect(found.map(\.key) == ["postgres.hba[0]"])
        #expect(try #require(found.first).allowed.hasPrefix(remedy))
    }

    @Test(
        "good lines of pg_hba.conf are taken as they are",
        arguments: [
            "local all all peer", "host all all 10.0.0.0 255.0.0.0 md5", "hostssl a,b +c ::/0 cert map=x",
            "host\tall\tall\tsamenet\tscram-sha-256",
        ])
    func goodLines(line: String) throws {
        let text = minimal().replacing("{host", with: "{hba: ['\(line)'], host")
        #expect(try load(text).postgres.hba == [line])
    }

    @Test(
        "options of initdb that have a key of their own are refused",
        arguments: ["--pgdata=/x", "-D/x", "-Elatin1", "--wal-segsize=1", "-k", "--no-sync", "--locale=x", "plain", ""])
    func initdbOptions(option: String) {
        let found = mistakes(minimal("bootstrap: {initdb: {options: [\"\(option)\"]}}"))
        #expect(found.map(\.key) == ["bootstrap.initdb.options[0]"])
    }

    @Test("other options of initdb are passed on", arguments: ["--lc-messages=C", "--locale-provider=icu", "-g"])
    func goodOptions(option: String) throws {
        let configuration = try load(minimal("bootstrap: {initdb: {options: [\"\(option)\"]}}"))
        #expect(configuration.bootstrap.initdb.options == [option])
    }
}
