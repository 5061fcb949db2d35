import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

@Suite(.ownThread) struct PollTests {
    @Test("waiting ends at the deadline and not before it")
    func deadline() throws {
        let pipe = try Pipe()
        let deadline = BootClock.now() + .milliseconds(30)
        #expect(Poll.wait([pipe.read.rawValue], until: deadline).isEmpty)
        #expect(BootClock.now() >= deadline)
        #expect(Poll.wait([-1], until: BootClock.now() - .seconds(1)).isEmpty)
    }

    @Test("only what is readable, at its end or broken is returned")
    func readiness() throws {
        let quiet = try Pipe()
        let full = try Pipe()
        let ended = try Pipe.makePipe()
        let end = FileDescriptor(owning: ended.read)
        close(ended.write)
        try full.write.write([1])
        let all = [quiet.read.rawValue, full.read.rawValue, end.rawValue, -1, 1 << 20]
        #expect(Poll.wait(all, until: nil) == [full.read.rawValue, end.rawValue, 1 << 20])
        withExtendedLifetime(quiet.write.rawValue) {}
    }
}
