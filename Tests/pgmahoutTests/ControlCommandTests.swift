import ArgumentParser
import ClusterModel
import Management
import Synchronization
import Testing

@testable import pgmahout

/// Commands against the interface that members really offer.
struct ControlCommandTests {
    private func run(_ arguments: [String], _ member: FakeMember) throws {
        var command = try Pgmahout.parseAsRoot(arguments + ["--url", member.base])
        try command.run()
    }

    /// A cluster in which pg-2 says of itself what it is asked to.
    private func cluster(_ change: (inout ClusterStatus, inout MemberStatus) -> Void) -> ClusterStatus {
        let incarnation = Incarnation(name: "pg-2", podUID: "", bootID: "b")
        var status = MemberStatus(cluster: "demo", name: "pg-2", incarnation: incarnation, version: "1")
        var cluster = ClusterStatus(cluster: "demo")
        change(&cluster, &status)
        let member = Member(
            name: "pg-2", incarnation: incarnation, api: "http://127.0.0.1:8008", postgresHost: "127.0.0.1",
            postgresPort: 5432)
        cluster.members = [.init(member: member, status: status, reportedMillisecondsAgo: 0)]
        return cluster
    }

    @Test("each command asks for what it says")
    func requests() throws {
        let member = try FakeMember()
        let commands: [(arguments: [String], request: ControlRequest)] = [
            (["pause"], .pause), (["resume"], .resume),
            (["member", "fence", "pg-2", "--wait", "0"], .fence("pg-2")),
            (["member", "unfence", "pg-2", "--wait", "0"], .unfence("pg-2")),
            (["member", "restart", "pg-2", "--wait", "0"], .restartMember("pg-2")),
            (["member", "reclone", "pg-2", "--wait", "0"], .reclone("pg-2", from: nil)),
            (["member", "reclone", "pg-2", "--from", "pg-3", "--wait", "0"], .reclone("pg-2", from: "pg-3")),
            (["member", "remove", "pg-2"], .remove("pg-2", force: false)),
            (["member", "remove", "pg-2", "--force", "--yes"], .remove("pg-2", force: true)),
            (["cluster", "restart", "--wait", "0"], .restart(RestartCommand())),
            (
                ["cluster", "restart", "--pending", "--at", "2026-01-02T03:04:05Z"],
                .restart(RestartCommand(onlyIfPending: true, at: 1_767_323_045_000))
            ),
            (["cluster", "restart", "--cancel"], .cancelRestart),
            (
                ["switchover", "--to", "pg-2", "--at", "2026-01-02T05:04:05+02"],
                .switchover(SwitchoverCommand(to: "pg-2", at: 1_767_323_045_000))
            ),
            (["switchover", "--cancel"], .cancelSwitchover),
        ]
        for (arguments, _) in commands { try run(arguments, member) }
        #expect(member.requests == commands.map(\.request))
    }

    @Test("what was done already is no failure, what is refused is one")
    func answers() throws {
        let done = try FakeMember(answer: { _ in .done("the cluster is paused already") })
        try run(["pause"], done)
        try run(["member", "fence", "pg-2"], done)
        let missing = try FakeMember(answer: { _ in .notFound(reason: "no restart", hint: nil) })
        #expect(throws: Failure(.failed, "no restart")) { try run(["cluster", "restart", "--cancel"], missing) }
    }

    @Test("a fence is over when the member says that it is fenced", arguments: [true, false])
    func fence(isFenced: Bool) throws {
        let asked = Mutex(0)
        let member = try FakeMember(cluster: {
            let count = asked.withLock { count in
                count += 1
                return count
            }
            return cluster { $1.isFenced = (count >= 3) == isFenced }
        })
        try run(["member", isFenced ? "fence" : "unfence", "pg-2"], member)
        #expect(asked.withLock { $0 } == 3)
    }

    @Test("a member that does not follow is a failure that says so")
    func fenceTimeout() throws {
        let member = try FakeMember(cluster: { cluster { _, _ in } })
        let failure = #expect(throws: Failure.self) {
            try run(["member", "fence", "pg-2", "--wait", "0.2"], member)
        }
        #expect(failure?.message == "recorded, but pg-2 is not fenced after 0.2 s: it has not done so")
    }

    @Test("a restart and a clone are waited for by their id", arguments: ["restart", "reclone"])
    func transitions(verb: String) throws {
        let asked = Mutex(0)
        let member = try FakeMember(cluster: {
            let isOver = asked.withLock { count in
                count += 1
                return count >= 3
            }
            return cluster { cluster, _ in
                cluster.intent.restart = isOver ? nil : RestartRequest(id: "a", remaining: ["pg-2"])
                cluster.intent.reclone = isOver ? [:] : ["pg-2": RecloneRequest(id: "a")]
                guard isOver else { return }
                cluster.lastTransition = Transition(
                    id: "a", kind: .restart, from: nil, to: nil, term: 1, succeeded: false, reason: "no room")
            }
        })
        let name = verb == "restart" ? "the restart" : "the clone"
        #expect(throws: Failure(.failed, "\(name) failed (a): no room")) { try run(["member", verb, "pg-2"], member) }
    }

    @Test("force is used only where it is needed, and only after a yes")
    func force() throws {
        let lagging = try FakeMember(
            answer: { request in
                guard case .switchover(let command) = request, command.force else {
                    return .refused(reason: "pg-2 is behind", hint: "wait", wouldLoseBytes: 4096)
                }
                return .accepted(id: "a")
            },
            cluster: {
                cluster { cluster, _ in
                    cluster.lastTransition = Transition(
                        id: "a", kind: .switchover, from: "pg-1", to: "pg-2", term: 2, succeeded: true, reason: "r")
                }
            })
        let plain = SwitchoverCommand(to: "pg-2")
        let forced = SwitchoverCommand(to: "pg-2", force: true)
        #expect(throws: Failure(.failed, "pg-2 is behind (wait)", wouldLoseBytes: 4096)) {
            try run(["switchover", "--to", "pg-2", "--yes"], lagging)
        }
        try run(["switchover", "--to", "pg-2", "--force", "--yes"], lagging)
        #expect(lagging.requests == [.switchover(plain), .switchover(plain), .switchover(forced)])
        let dead = try FakeMember(answer: { _ in .refused(reason: "pg-2 does not answer", hint: nil) })
        #expect(throws: Failure(.failed, "pg-2 does not answer")) {
            try run(["switchover", "--to", "pg-2", "--force", "--yes"], dead)
        }
        #expect(dead.requests == [.switchover(plain)])
    }

    @Test("at a later time nobody knows what force will cost, so the yes comes first")
    func forceLater() throws {
        let member = try FakeMember()
        try run(["switchover", "--to", "pg-2", "--force", "--yes", "--at", "2026-01-02T03:04:05Z"], member)
        #expect(
            member.requests == [.switchover(SwitchoverCommand(to: "pg-2", at: 1_767_323_045_000, force: true))])
    }

    @Test("nothing is lost without a yes, and nobody is asked where nobody sits")
    func confirmation() throws {
        let asking = try ConfirmationOptions.parse([])
        try asking.confirm("stake", question: "lose it?", answer: { "YES" })
        for answer in ["y", "no", "", nil] {
            #expect(throws: Failure(.failed, "nothing was done")) {
                try asking.confirm("stake", question: "lose it?", answer: { answer })
            }
        }
        let failure = #expect(throws: Failure.self) {
            try asking.confirm("stake", question: "lose it?", answer: nil)
        }
        #expect(failure?.message.contains("--yes") == true)
        try ConfirmationOptions.parse(["--yes"]).confirm("stake", question: "lose it?", answer: nil)
    }

    @Test("the history is a table with the time at which each transition was heard of")
    func history() throws {
        var history = TransitionHistory()
        history.note(
            Transition(
                id: "t", kind: .failover, from: "pg-1", to: "pg-2", term: 3, succeeded: false, reason: "no votes"),
            at: 1_767_323_045_678)
        let member = try FakeMember(history: history)
        #expect(try ManagementClient(base: member.base).history() == history)
        #expect(
            Cluster.History.table(history) == """
                HEARD OF AT           KIND      FROM  TO    TERM  RESULT  REASON
                2026-01-02T03:04:05Z  failover  pg-1  pg-2     3  failed  no votes
                """)
        try run(["cluster", "history", "-o", "json"], member)
    }
}
