import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

@testable import Postgres

@Suite("postmaster.pid")
struct PostmasterPIDFileTests {
    private let text = """
        4711
        /var/lib/pgdata
        1767322800
        5432
        /run/pgmahout
        0.0.0.0
          1234567     65536
        ready   

        """

    @Test("is read field by field")
    func fields() throws {
        let file = try #require(PostmasterPIDFile(text))
        #expect(file.processID == 4711)
        #expect(file.dataDirectory == "/var/lib/pgdata")
        #expect(file.startTime == 1_767_322_800)
        #expect(file.port == 5432)
        #expect(file.socketDirectory == "/run/pgmahout")
        #expect(file.status == "ready")
    }

    @Test(
        "that is half written, empty or something else is none", arguments: ["", "4711\n", "x\ny\nz\n", "0\n/d\n1\n"])
    func notYetWritten(text: String) { #expect(PostmasterPIDFile(text) == nil) }

    @Test("of a stand-alone backend has a negative number")
    func standAlone() { #expect(PostmasterPIDFile("-17\n/d\n5\n")?.processID == 17) }

    @Test("belongs to a process only if start time and directory fit, not by number alone")
    func identity() throws {
        let file = try #require(PostmasterPIDFile("1\n/tmp\n1000\n"))
        #expect(file.isSame(processStart: 1000, workingDirectory: "/tmp"))
        #expect(file.isSame(processStart: 1002, workingDirectory: "/tmp"))
        #expect(!file.isSame(processStart: 1010, workingDirectory: "/tmp"))
        #expect(!file.isSame(processStart: 990, workingDirectory: "/tmp"))
        #expect(!file.isSame(processStart: 1000, workingDirectory: "/"))
    }

    @Test("of a living process with the same number is stale, and removed")
    func reusedNumber() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("postmaster.pid")
        try Files.writeDurably("\(getpid())\n\(directory.path)\n1000\n".utf8, to: path)
        let file = try #require(PostmasterPIDFile.read(dataDirectory: directory.path))
        #expect(!file.refersToLiveProcess())
        #expect(try PostmasterPIDFile.removeStale(dataDirectory: directory.path))
        #expect(!Files.exists(path))
        #expect(try !PostmasterPIDFile.removeStale(dataDirectory: directory.path))
    }

    @Test("of a running server is alive and stays; after kill -9 it is stale")
    func realServer() async throws {
        let server = try await PostgresServer.primary()
        let file = try #require(PostmasterPIDFile.read(dataDirectory: server.dataDirectory))
        #expect(file.refersToLiveProcess())
        #expect(file.port == server.port)
        #expect(try !PostmasterPIDFile.removeStale(dataDirectory: server.dataDirectory))
        server.kill()
        try await eventually("the postmaster is gone") { !file.refersToLiveProcess() }
        #expect(try PostmasterPIDFile.removeStale(dataDirectory: server.dataDirectory))
    }
}
