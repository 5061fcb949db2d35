import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

/// The guard fed by this process, against a tree that looks like a server.
@Suite struct GuardTests {
    private let directory: TemporaryDirectory
    private let server: FakePostgres

    init() async throws {
        directory = try TemporaryDirectory()
        server = try FakePostgres(directory)
        try await server.started()
    }

    /// The guard and how it ends.
    private func start() throws -> (guardian: Guard, exit: Ending) {
        let ending = Ending()
        let path = try BuiltProduct.path("pgmahout-guard")
        let guardian = try Guard(path: path, registry: TestChildren.registry) { _, status in ending.set(status) }
        return (guardian, ending)
    }

    private func feed(_ guardian: Guard, _ deadline: Instant?) -> Bool {
        guardian.feed(
            postmaster: server.postmaster.process, deadline: deadline, dataDirectory: server.dataDirectory)
    }

    private func untilAcknowledged(_ guardian: Guard, _ deadline: Instant?) async throws {
        try await eventually("the guard holds \(String(describing: deadline))", every: .milliseconds(1)) {
            guardian.acknowledgement().map { $0.deadline == deadline } ?? false
        }
    }

    @Test("postgres is killed when the deadline passes, not before, and the guard stays for the next one")
    func deadline() async throws {
        let (guardian, exit) = try start()
        let deadline = BootClock.now() + .milliseconds(400)
        #expect(feed(guardian, deadline))
        try await untilAcknowledged(guardian, deadline)
        while BootClock.now() < deadline - .milliseconds(20) {
            let processes = server.processes
            if BootClock.now() < deadline { #expect(processes.count == 2) }
            try await Task.sleep(for: .milliseconds(5))
        }
        try await server.ended()
        #expect(try await server.postmaster.exit() == .signalled(SIGKILL))
        #expect(exit.get() == nil)

        let next = BootClock.now() + .seconds(100)
        #expect(feed(guardian, next))
        try await untilAcknowledged(guardian, next)
        guardian.dismiss()
        try await eventually { exit.get() == .exited(0) }
    }

    @Test("a deadline that is moved in time kills nobody, and one that has passed kills at once")
    func fedInTime() async throws {
        let (guardian, _) = try start()
        let begin = BootClock.now()
        // From a thread of its own: tasks may wait long for their turn while other tests run.
        let feeder = try WorkerThread(name: "feeder")
        let (refused, living) = await withCheckedContinuation { continuation in
            feeder.submit {
                var refused = 0
                while BootClock.now() < begin + .milliseconds(2500) {
                    if !feed(guardian, BootClock.now() + .seconds(1)) { refused += 1 }
                    _ = Poll.wait([], until: BootClock.now() + .milliseconds(50))
                }
                continuation.resume(returning: (refused, server.processes.count))
            }
        }
        #expect(refused == 0)
        #expect(living == 2)
        #expect(feed(guardian, BootClock.now() - .seconds(1)))
        try await server.ended()
        guardian.dismiss()
    }

    @Test("a disarmed guard lets time pass")
    func disarmed() async throws {
        let (guardian, _) = try start()
        let deadline = BootClock.now() + .milliseconds(300)
        #expect(feed(guardian, deadline))
        #expect(feed(guardian, nil))
        try await untilAcknowledged(guardian, nil)
        try await eventually { BootClock.now() > deadline + .milliseconds(200) }
        #expect(server.processes.count == 2)
        guardian.dismiss()
    }

    @Test("a guard that is dismissed ends and kills nobody")
    func dismissed() async throws {
        let (guardian, exit) = try start()
        let deadline = BootClock.now() + .milliseconds(200)
        #expect(feed(guardian, deadline))
        #expect(guardian.dismiss())
        try await eventually { exit.get() == .exited(0) }
        try await eventually { BootClock.now() > deadline + .milliseconds(100) }
        #expect(server.processes.count == 2)
        #expect(!feed(guardian, nil))
    }

    @Test("the end of the feeder kills postgres, armed or not, be its answers unread", arguments: [true, false])
    func feederGone(armed: Bool) async throws {
        var (guardian, exit): (Guard?, Ending) = try start()
        #expect(feed(try #require(guardian), armed ? BootClock.now() + .seconds(100) : nil))
        let descriptor = try #require(guardian?.descriptor)
        #expect(Poll.wait([descriptor], until: BootClock.now() + .seconds(5)) == [descriptor])
        guardian = nil
        try await server.ended()
        try await eventually { exit.get() == .exited(0) }
    }

    @Test("a server whose number is not known yet is found by its data directory")
    func unknownPostmaster() async throws {
        let (guardian, _) = try start()
        let deadline = BootClock.now() + .milliseconds(50)
        #expect(guardian.feed(postmaster: 0, deadline: deadline, dataDirectory: server.dataDirectory))
        try await server.ended()
        guardian.dismiss()
    }

    @Test("what took the number of a postmaster that ended is spared", .enabled(if: mayChooseNumbers()))
    func reusedNumber() async throws {
        let (guardian, _) = try start()
        let ended = try TestChild(Command("/bin/sleep", ["1000"]))
        #expect(guardian.feed(postmaster: ended.process, deadline: nil, dataDirectory: server.dataDirectory))
        try await untilAcknowledged(guardian, nil)
        ended.kill(SIGKILL)
        _ = try await ended.exit()
        let heir = try await eventualValue("a new process has the number") {
            try FileDescriptor(opening: Self.lastNumber, O_WRONLY).write("\(ended.process - 1)".utf8)
            let child = try TestChild(Command("/bin/sleep", ["1000"]))
            return child.process == ended.process ? child : nil
        }
        #expect(
            guardian.feed(
                postmaster: heir.process, deadline: BootClock.now() + .milliseconds(50),
                dataDirectory: server.dataDirectory))
        try await server.ended()
        #expect(heir.status == nil)
        #expect(heir.kill(0))
        guardian.dismiss()
    }

    /// Where the kernel can be told which process number comes next.
    private static let lastNumber = "/proc/sys/kernel/ns_last_pid"

    private static func mayChooseNumbers() -> Bool {
        guard let current = try? Files.read(lastNumber) else { return false }
        return (try? FileDescriptor(opening: lastNumber, O_WRONLY).write(current)) != nil
    }

    @Test("signals that end other programs do not end the guard")
    func signals() async throws {
        let (guardian, exit) = try start()
        #expect(feed(guardian, nil))
        try await untilAcknowledged(guardian, nil)
        for signal in [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE] {
            TestChildren.registry.signal(guardian.process, signal)
        }
        let deadline = BootClock.now() + .seconds(100)
        #expect(feed(guardian, deadline))
        try await untilAcknowledged(guardian, deadline)
        #expect(exit.get() == nil)
        guardian.dismiss()
    }

    @Test("a guard that hangs shows by its old acknowledgement and then takes no more, and nobody waits for it")
    func hangingGuard() async throws {
        let (guardian, exit) = try start()
        #expect(feed(guardian, nil))
        try await untilAcknowledged(guardian, nil)
        TestChildren.registry.signal(guardian.process, SIGSTOP)
        var taken = 0
        while taken < 100_000, feed(guardian, BootClock.now() + .seconds(100)) { taken += 1 }
        #expect(taken < 100_000)
        #expect(guardian.acknowledgement()?.deadline == nil)
        TestChildren.registry.signal(guardian.process, SIGKILL)
        try await eventually { exit.get() == .signalled(SIGKILL) }
        #expect(!feed(guardian, nil))
    }

    @Test("a data directory that does not fit the message is refused")
    func longPath() throws {
        let (guardian, _) = try start()
        let path = "/" + String(repeating: "x", count: 1023)
        #expect(!guardian.feed(postmaster: 0, deadline: nil, dataDirectory: path))
        #expect(guardian.feed(postmaster: 0, deadline: nil, dataDirectory: String(path.dropLast())))
        guardian.dismiss()
    }
}
