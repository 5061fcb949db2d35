import Configuration
import Testing

struct ValuesTests {
    @Test(
        "times are a number and a unit",
        arguments: [
            ("0", Duration.zero), ("0s", .zero), ("250ms", .milliseconds(250)), ("1.5s", .milliseconds(1500)),
            ("2m", .seconds(120)), ("2min", .seconds(120)), ("1h", .seconds(3600)), ("1d", .seconds(86400)),
            ("3 s", .seconds(3)), ("1500us", .microseconds(1500)),
        ])
    func times(text: String, value: Duration) throws {
        #expect(try load(minimal("shutdown: {fast: \(text)}")).shutdown.fast == value)
    }

    @Test(
        "a time without a unit, out of range or with more behind it is refused",
        arguments: ["5", "-1s", "1s2", "s", "1e3s", ".5s", "1.s", "2d", "1 week", "99999999999999999999s", "1,5s"])
    func badTimes(text: String) {
        #expect(mistakes(minimal("shutdown: {fast: \"\(text)\"}")).map(\.key) == ["shutdown.fast"])
    }

    @Test(
        "sizes have units of 1024, as in PostgreSQL",
        arguments: [
            ("0", UInt64(0)), ("8192", 8192), ("512B", 512), ("4kB", 4096), ("4KiB", 4096), ("16MB", 16 << 20),
            ("1.5MiB", 3 << 19), ("2GB", 2 << 30), ("1TB", 1 << 40),
        ])
    func sizes(text: String, value: UInt64) throws {
        #expect(try load(minimal("replication: {maximumLag: \(text)}")).replication.maximumLag == value)
    }

    @Test(
        "a size that is none is refused", arguments: ["-1", "1mb", "1.0001kB", "2PB", "99999TB", "+5", "MB", "1 000"])
    func badSizes(text: String) {
        #expect(mistakes(minimal("replication: {maximumLag: \"\(text)\"}")).map(\.key) == ["replication.maximumLag"])
    }

    @Test("a WAL segment is a power of two from 1 MB to 1 GB", arguments: ["512kB", "3MB", "2GB", "16"])
    func badSegmentSizes(text: String) {
        let found = mistakes(minimal("bootstrap: {initdb: {walSegmentSize: \(text)}}"))
        #expect(found.map(\.key) == ["bootstrap.initdb.walSegmentSize"])
    }

    @Test(
        "names are DNS labels",
        arguments: ["A", "a_b", "-a", "a-", "", "a.b", "é", String(repeating: "a", count: 64), "a b", "a/b", "a\\n"])
    func badNames(text: String) {
        let found = mistakes(minimal().replacing("demo\n", with: "\"\(text)\"\n", maxReplacements: 1))
        #expect(found.map(\.key) == ["cluster"])
        #expect(found.map(\.place) == [.file(path: "pgmahout.yaml", line: 1, column: 10)])
    }

    @Test(
        "names of one letter, of 63 and with digits are good",
        arguments: ["a", "0", "a-1", String(repeating: "a", count: 63)])
    func goodNames(text: String) throws {
        #expect(try load(minimal().replacing("demo\n", with: "\"\(text)\"\n", maxReplacements: 1)).cluster == text)
    }

    @Test(
        "a member's own address is one that others can reach",
        arguments: ["0.0.0.0", "::", "10.0.0.256", "10.0.0", "a b", "[::1]", "host:5432", "http://x", "", "a..b", "-x"])
    func badHosts(text: String) {
        let found = mistakes(minimal("http: {advertise: \"\(text)\"}"))
        #expect(found.map(\.key) == ["http.advertise"])
    }

    @Test("paths are absolute and stay where they say", arguments: ["data", "/a/../b", "", "~/x", "/a\\nb"])
    func badPaths(text: String) {
        let found = mistakes(minimal("archive: {directory: \"\(text)\"}"))
        #expect(found.map(\.key) == ["archive.directory"])
    }

    @Test("only true and false are true and false", arguments: ["yes", "on", "1", "True"])
    func badFlags(text: String) {
        let found = mistakes(minimal("bootstrap: {initdb: {dataChecksums: \(text)}}"))
        #expect(found.map(\.allowed) == ["true or false"])
    }

    @Test("whole numbers have digits only", arguments: ["1.0", "0x10", "+1", "1_000", "65536", "-1", "٣"])
    func badPorts(text: String) {
        #expect(mistakes(minimal("http: {port: \"\(text)\"}")).map(\.key) == ["http.port"])
    }

    @Test("roles are plain lower-case names", arguments: ["Repl", "pg_repl", "1r", "a-b", "a'b", ""])
    func badRoles(text: String) {
        let found = mistakes(minimal().replacing("{host", with: "{superuser: \"\(text)\", host"))
        #expect(found.map(\.key) == ["postgres.superuser"])
    }

    @Test(
        "listening takes several addresses or all of them for postgres", arguments: ["*", "10.0.0.1, ::1", "localhost"])
    func listening(text: String) throws {
        let configuration = try load(minimal().replacing("{host", with: "{listen: \"\(text)\", host"))
        #expect(configuration.postgres.listen == text)
    }
}
