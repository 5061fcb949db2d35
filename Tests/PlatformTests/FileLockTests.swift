import ClusterModel
import Platform
import TestSupport
import Testing

@Suite(.ownThread) struct FileLockTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func isHeld(until deadline: Instant? = nil) throws -> Bool {
        let lock = try FileLock(exclusive: directory.file("lock"), until: deadline)
        return lock == nil
    }

    @Test("a lock has one holder, until that goes away")
    func exclusion() throws {
        do {
            let lock = try FileLock(exclusive: directory.file("lock"))
            let acquired = lock != nil
            #expect(acquired)
            #expect(try isHeld())
            withExtendedLifetime(lock) {}
        }
        #expect(try !isHeld())
    }

    @Test("waiting for a lock ends at the deadline")
    func deadline() throws {
        let lock = try FileLock(exclusive: directory.file("lock"))
        let deadline = BootClock.now() + .milliseconds(50)
        #expect(try isHeld(until: deadline))
        #expect(BootClock.now() >= deadline)
        withExtendedLifetime(lock) {}
    }

    @Test("waiting for a lock ends when its holder dies")
    func handOver() async throws {
        let path = directory.file("lock")
        let holder = try TestChild(Command("/usr/bin/flock", [path, "sleep", "1000"]))
        try await eventually("the other process holds the lock") { try isHeld() }
        _ = try #require(try? Files.readText("/proc/\(holder.process)/comm"))
        TestChildren.registry.signalGroup(holder.process, 9)
        #expect(try !isHeld(until: BootClock.now() + .seconds(10)))
    }

    @Test("a lock that cannot be made is an error")
    func unusable() {
        #expect(throws: SystemError.self) { _ = try FileLock(exclusive: directory.file("none/lock")) == nil }
    }
}
