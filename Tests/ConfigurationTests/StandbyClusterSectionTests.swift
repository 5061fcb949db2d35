import Configuration
import Testing

@Suite("The section of another cluster that is followed")
struct StandbyClusterSectionTests {
    @Test("hosts and an archive, with the defaults of what is not said")
    func whole() throws {
        let standby = try #require(
            try load(
                minimal(
                    """
                    standbyCluster:
                      hosts: [10.0.1.1, "10.0.1.2:5433"]
                      sslMode: verify-full
                      archive: {directory: /foreign, server: east}
                    """)
            ).standbyCluster)
        #expect(standby.initially == .follow)
        #expect(standby.hosts == ["10.0.1.1", "10.0.1.2:5433"])
        #expect(!standby.user.isEmpty)
        #expect(standby.passwordFile == nil && standby.slot == nil)
        #expect(standby.sslMode == .verifyFull)
        #expect(standby.archive?.place.directory == "/foreign" && standby.archive?.server == "east")
    }

    @Test("an archive in a bucket has the keys of every archive")
    func bucket() throws {
        let standby = try load(
            minimal(
                """
                standbyCluster:
                  initially: lead
                  archive: {server: east, s3: {bucket: backups, prefix: db}}
                """)
        ).standbyCluster
        #expect(standby?.initially == .lead && standby?.archive?.place.s3?.bucket == "backups")
    }

    @Test(
        "mistakes are named with the key",
        arguments: [
            ("standbyCluster: {initially: follow}", "standbyCluster.hosts"),
            ("standbyCluster: {hosts: [\"a b\"]}", "standbyCluster.hosts[0]"),
            ("standbyCluster: {hosts: [\"a:99999\"]}", "standbyCluster.hosts[0]"),
            ("standbyCluster: {archive: {server: east}}", "standbyCluster.archive.directory"),
            (
                "archive: {directory: /own}\nstandbyCluster: {archive: {directory: /own, server: demo}}",
                "standbyCluster.archive.server"
            ),
        ])
    func wrong(text: String, key: String) {
        #expect(mistakes(minimal(text)).map(\.key).contains(key))
    }

    @Test("hosts are names or addresses, with a port or without")
    func hosts() {
        #expect(RemoteHost("a.example.com")?.port == 5432)
        #expect(RemoteHost("10.0.0.1:5433")?.port == 5433)
        #expect(RemoteHost("[::1]:6000") == RemoteHost("::1", defaultPort: 6000))
        for bad in ["", ":5432", "a:", "a:0", "a/b", "a,b", "[::1]5"] { #expect(RemoteHost(bad) == nil, "\(bad)") }
    }
}
