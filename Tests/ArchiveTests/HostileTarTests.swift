import Platform
import TestSupport
import Testing

@testable import Archive

/// Archives that mean harm to whoever unpacks them.
@Suite(.ownThread)
struct HostileTarTests {
    private let directory: TemporaryDirectory
    private let target: String

    init() throws {
        directory = try TemporaryDirectory()
        target = try directory.directory("target")
    }

    /// Python writes what we never would.
    private func unpack(_ script: String, ledger: UnpackedLedger = UnpackedLedger()) async throws {
        let path = directory.file("x.tar")
        let whole = """
            import tarfile, io, sys
            with tarfile.open(sys.argv[1], 'w', format=tarfile.PAX_FORMAT) as archive:
                def file(name, content=b'evil'):
                    m = tarfile.TarInfo(name); m.size = len(content); archive.addfile(m, io.BytesIO(content))
                def special(name, type, link=''):
                    m = tarfile.TarInfo(name); m.type = type; m.linkname = link; archive.addfile(m)
                file('PG_VERSION', b'15')
                \(script)
            """
        let (status, text) = try await TestChildren.output(
            of: Command("/usr/bin/env", ["python3", "-c", whole, path]))
        try #require(status.isSuccess, "\(text)")
        var reader = TarReader(consumer: UnpackedFiles(directory: target, ledger: ledger))
        let bytes = try Files.read(path)
        try reader.write(bytes.span.bytes)
        try reader.finish()
    }

    @Test(
        "names that lead out, links, devices and pipes are refused by name, and nothing is written outside",
        arguments: [
            ("file('../outside')", "../outside"), ("file('/tmp/pgmt-outside')", "/tmp/pgmt-outside"),
            ("file('base/../../outside')", "outside"), ("file('a/' + 'x/' * 60 + '../../../outside')", "outside"),
            ("special('link', tarfile.SYMTYPE, '/etc')", "'link'"),
            ("special('hard', tarfile.LNKTYPE, 'PG_VERSION')", "'hard'"),
            ("special('device', tarfile.CHRTYPE)", "'device'"), ("special('pipe', tarfile.FIFOTYPE)", "'pipe'"),
            ("special('link', tarfile.SYMTYPE, '..'); file('link/outside')", "'link'"),
        ])
    func refused(script: String, name: String) async throws {
        await #expect {
            try await unpack(script)
        } throws: { error in error is TarError && "\(error)".contains(name) }
        #expect(!Files.exists(directory.file("outside")))
        #expect(!Files.exists("/tmp/pgmt-outside"))
        #expect(try Files.list(target) == ["PG_VERSION"], "what came before is all there is")
    }

    @Test(
        "a name that comes twice is refused, and the first one stays as it was",
        arguments: ["PG_VERSION", "./PG_VERSION"])
    func twice(name: String) async throws {
        await #expect {
            try await unpack("file('\(name)')")
        } throws: { "\($0)".contains("'PG_VERSION' is in it twice") }
        #expect(try Files.read(target + "/PG_VERSION") == Array("15".utf8))
    }

    @Test("pg_control, which is written last, comes once in all parts together")
    func control() async throws {
        let ledger = UnpackedLedger()
        try await unpack("file('global/pg_control')", ledger: ledger)
        try Files.remove(target + "/PG_VERSION")
        await #expect {
            try await unpack("file('global/pg_control', b'another')", ledger: ledger)
        } throws: { "\($0)".contains("'global/pg_control' is in it twice") }
        #expect(ledger.controlFile == Array("evil".utf8))
    }

    @Test("a link that is there already is not followed")
    func linkInPlace() async throws {
        let (status, _) = try await TestChildren.output(
            of: Command("/bin/ln", ["-s", directory.file("outside"), target + "/postgresql.conf"]))
        try #require(status.isSuccess)
        await #expect(throws: (any Error).self) { try await unpack("file('postgresql.conf')") }
        #expect(!Files.exists(directory.file("outside")))
    }
}
