import ArgumentParser
import ClusterModel
import Management
import Synchronization
import Testing

@testable import pgmahout

/// Both sides of the management interface must mean the same JSON.
struct ManagementClientTests {
    private let transition = Transition(
        id: "a", kind: .switchover, from: "pg-1", to: "pg-2", term: 4, succeeded: true, reason: "asked for")

    @Test("a cluster arrives as the member said it")
    func cluster() throws {
        var cluster = ClusterStatus(cluster: "demo")
        cluster.systemIdentifier = SystemIdentifier(rawValue: 7_000_000_000_000_000_001)
        cluster.term = 4
        cluster.leader = "pg-2"
        cluster.lastTransition = transition
        let member = try FakeMember(cluster: { [cluster] in cluster })
        #expect(try ManagementClient(base: member.base).cluster() == cluster)
    }

    @Test("a request for a switchover arrives as it was made, and its id comes back")
    func switchover() throws {
        let member = try FakeMember(answer: { _ in .accepted(id: "s-7") })
        let client = ManagementClient(base: member.base)
        let command = SwitchoverCommand(from: "pg-1", to: "pg-2", at: 1_767_323_045_000, force: true)
        #expect(try client.post("/v1/switchover", command) == .accepted("s-7"))
        #expect(try client.post("/v1/switchover") == .accepted("s-7"))
        #expect(member.requests == [.switchover(command), .switchover(SwitchoverCommand())])
    }

    @Test("a refusal is passed on with its hint")
    func refusal() throws {
        let member = try FakeMember(answer: { _ in
            .refused(reason: "pg-2 is behind", hint: "wait", wouldLoseBytes: 9)
        })
        #expect(throws: Failure(.failed, "pg-2 is behind (wait)", wouldLoseBytes: 9)) {
            try ManagementClient(base: member.base).post("/v1/switchover", SwitchoverCommand(to: "pg-2"))
        }
    }

    @Test("without the right token nothing is changed, and the exit code says so")
    func token() throws {
        let member = try FakeMember(access: .token { "secret" })
        for token in [nil, "wrong"] {
            let failure = #expect(throws: Failure.self) {
                try ManagementClient(base: member.base, token: token).post("/v1/switchover")
            }
            #expect(failure?.reason == .notPermitted)
        }
        #expect(member.requests.isEmpty)
        #expect(try ManagementClient(base: member.base, token: "secret").post("/v1/pause") == .accepted("a"))
    }

    @Test("a member that cannot be reached is unavailable")
    func unreachable() {
        let failure = #expect(throws: Failure.self) { try ManagementClient(base: "http://127.0.0.1:1").cluster() }
        #expect(failure?.reason == .unavailable)
        #expect(failure?.message.hasPrefix("no answer from http://127.0.0.1:1: ") == true)
    }

    @Test("an address at which there is no such interface is a failure that says so")
    func foreign() throws {
        let member = try FakeMember()
        let failure = #expect(throws: Failure.self) { try ManagementClient(base: member.base + "/elsewhere").cluster() }
        #expect(failure?.reason == .failed)
    }

    @Test("the command waits until the transition with its id is over", arguments: [true, false])
    func wait(succeeded: Bool) throws {
        let asked = Mutex(0)
        var over = transition
        over.succeeded = succeeded
        let member = try FakeMember(cluster: { [over] in
            var cluster = ClusterStatus(cluster: "demo")
            let count = asked.withLock { count in
                count += 1
                return count
            }
            if count < 3 {
                cluster.pendingSwitchover = SwitchoverRequest(id: "a", from: "pg-1", to: nil, deadlineMilliseconds: 1)
            } else {
                cluster.lastTransition = over
            }
            return cluster
        })
        var command = try Pgmahout.parseAsRoot(["switchover", "--url", member.base, "--to", "pg-2", "--wait", "30"])
        if succeeded {
            try command.run()
        } else {
            #expect(throws: Failure(.failed, "the switchover failed (a): asked for")) { try command.run() }
        }
        #expect(asked.withLock { $0 } >= 3)
    }

    @Test("the command does not wait for ever")
    func timeout() throws {
        let member = try FakeMember()
        var command = try Pgmahout.parseAsRoot(["switchover", "--url", member.base, "--wait", "0.3"])
        let failure = #expect(throws: Failure.self) { try command.run() }
        #expect(failure?.reason == .failed)
    }
}
