import Platform
import TestSupport
import Testing

@testable import Postgres

@Suite("Connection strings and password files")
struct ConnectionInfoTests {
    @Test(
        "values are quoted for libpq",
        arguments: [
            ("plain", "plain"), ("/run/pgmahout", "/run/pgmahout"), ("fe80::1", "fe80::1"), ("", "''"),
            ("a b", "'a b'"),
            ("it's", "'it\\'s'"), ("back\\slash", "'back\\\\slash'"), ("a=b", "'a=b'"),
        ])
    func quoting(value: String, expected: String) { #expect(ConnectionInfo.quote(value) == expected) }

    @Test("a socket needs no TCP settings; another host gets those that notice a dead peer")
    func keywords() {
        var info = ConnectionInfo(host: "/run/x", port: 5432, user: "postgres", applicationName: "a b")
        #expect(info.conninfo.hasPrefix("host=/run/x port=5432 user=postgres dbname=postgres application_name='a b' "))
        #expect(!info.conninfo.contains("tcp_user_timeout"))
        #expect(!info.conninfo.contains("replication"))
        info.host = "10.0.0.1"
        info.passwordFile = "/run/x/pgpass"
        info.replication = true
        #expect(info.conninfo.contains(" passfile=/run/x/pgpass "))
        #expect(info.conninfo.contains(" tcp_user_timeout=5000 "))
        #expect(info.conninfo.contains(" replication=database"))
    }

    @Test("colons and backslashes of a password survive the password file")
    func passwordFile() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("pgpass")
        try PasswordFile([("replicator", "a:b\\c"), ("x", "y")]).write(to: path)
        #expect(try Files.readText(path) == "*:*:*:replicator:a\\:b\\\\c\n*:*:*:x:y\n")
    }

    @Test("a secret is the first line of its file")
    func secret() throws {
        let directory = try TemporaryDirectory()
        try Files.writeDurably("s3cret \n".utf8, to: directory.file("secret"))
        #expect(try PasswordFile.readSecret(directory.file("secret")) == "s3cret ")
    }

    @Test(
        "the major version is found in what the server prints",
        arguments: [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", 15), ("postgres (PostgreSQL) 18beta1", 18),
            ("postgres (PostgreSQL) 17.2", 17), ("postgres 17.2", nil), ("", nil),
        ])
    func majorVersion(text: String, expected: Int?) {
        #expect(PostgresBinaries.majorVersion(inVersionText: text) == expected)
    }
}
