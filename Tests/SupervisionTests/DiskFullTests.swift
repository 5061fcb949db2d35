import ClusterModel
import Glibc
import Leadership
import Platform
import Postgres
import TestSupport
import Testing

@testable import Supervision

@Suite("A server on a full disk", .ownThread)
struct DiskFullTests {
    @Test("ends for want of room for WAL, and comes back on what the ballast was")
    func recovers() async throws {
        let server = try PostgresServer(member: "pg-1")
        let disk = try await SmallFileSystem(at: server.root.path, size: "190m")
        _ = try server.root.directory("run")
        try await PostgresFixture.run(
            Command("/bin/cp", ["-a", PostgresFixture.template(), server.dataDirectory]))
        try await server.start(.primary)
        try server.query("CREATE TABLE t AS SELECT 1 AS i")
        let ballast: UInt64 = 32 << 20
        let keeper = try DiskKeeper(
            dataDirectory: server.dataDirectory, ballastBytes: ballast, every: .milliseconds(50)
        ) { _ in }
        defer { keeper.stop() }
        try await eventually("the ballast is there") { keeper.state.ballastBytes == ballast }

        let big = try FileDescriptor(opening: disk.path + "/big", O_WRONLY | O_CREAT)
        #expect(throws: SystemError.self) { while true { try big.write([UInt8](repeating: 1, count: 64 << 10)) } }
        try await eventually("it is full") { keeper.state.health == .full }
        // Up to here the server is none the worse, and the ballast stays.
        #expect(try server.value("SELECT i FROM t") == "1")
        #expect(keeper.state.ballastBytes == ballast)

        try await eventually("the server has ended", within: .seconds(30)) {
            // Records that need nothing but WAL, until there is no room for the next segment.
            _ = try? server.query("SELECT pg_logical_emit_message(false, '', repeat('x', 100000))")
            return PostmasterPIDFile.read(dataDirectory: server.dataDirectory)?.refersToLiveProcess() != true
        }
        keeper.probeNow()
        try await eventually("the ballast is given up") { keeper.state.ballastBytes == 0 }
        #expect(try await server.stop()?.isSuccess != true)
        try await server.start(.primary)
        #expect(try server.value("SELECT i FROM t") == "1")
        #expect(keeper.state.health == .full)

        try Files.remove(disk.path + "/big")
        try big.close()
        try await eventually("it is fine again, and the ballast back") {
            keeper.state.health == .fine && keeper.state.ballastBytes == ballast
        }
        server.kill()
    }
}
