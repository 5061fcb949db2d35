import ClusterModel
import Testing

@testable import pgmahout

struct ClusterTableTests {
    private func entry(_ name: MemberName, age: Int64? = 0, _ change: (inout MemberStatus) -> Void)
        -> ClusterStatus.Entry
    {
        let incarnation = Incarnation(name: name, podUID: "", bootID: "b")
        var status = MemberStatus(cluster: "demo", name: name, incarnation: incarnation, version: "1")
        change(&status)
        let member = Member(
            name: name, incarnation: incarnation, api: "http://127.0.0.1:8008", postgresHost: "127.0.0.1",
            postgresPort: 5432)
        return ClusterStatus.Entry(member: member, status: age == nil ? nil : status, reportedMillisecondsAgo: age)
    }

    private var cluster: ClusterStatus {
        var cluster = ClusterStatus(cluster: "demo")
        cluster.term = 3
        cluster.leader = "pg-1"
        cluster.systemIdentifier = SystemIdentifier(rawValue: 7_000_000_000_000_000_001)
        cluster.members = [
            entry("pg-1") {
                $0.role = .primary
                $0.state = .running
                $0.timeline = TimelineID(2)
                $0.flushed = LSN(rawValue: 0x3000060)
                $0.lagBytes = 0
                $0.leaseRemainingMilliseconds = 5400
                $0.ready = true
            },
            entry("pg-2", age: 400) {
                $0.role = .replica
                $0.state = .streaming
                $0.timeline = TimelineID(2)
                $0.flushed = LSN(rawValue: 0x3000000)
                $0.lagBytes = 96
                $0.ready = false
                $0.readyReason = "too far behind"
            },
            entry("pg-3", age: nil) { _ in },
        ]
        return cluster
    }

    @Test("each member has a row, and what a table cannot say stands below it")
    func table() {
        #expect(
            ClusterTable(cluster).text == """
                cluster demo   system 7000000000000000001   term 3   leader pg-1
                MEMBER  ROLE     STATE      TL        LSN   LAG  LEASE LEFT  READY
                pg-1    primary  running     2  0/3000060     -       5.4 s  yes
                pg-2    replica  streaming   2  0/3000000  96 B           -  no
                pg-3    -        no answer   -          -     -           -  no

                pg-2: not ready: too far behind
                """)
    }

    @Test("a lease is shown as what is left of it now, not when the member last answered")
    func leaseAge() {
        var cluster = ClusterStatus(cluster: "demo")
        cluster.members = [entry("pg-1", age: 2000) { $0.leaseRemainingMilliseconds = 5000 }]
        #expect(ClusterTable(cluster).text.contains("3.0 s"))
    }

    @Test("a cluster that follows another one says how, how far it is behind, and what is asked for")
    func following() {
        var cluster = cluster
        cluster.remote = RemoteCluster()
        cluster.demotion = DemotionToken("77:2:0/3000060")
        cluster.intent.promotion = PromotionRequest(
            id: "p", token: DemotionToken("77:3:0/4000000"), deadlineMilliseconds: 1000)
        cluster.members[0].status?.leadsStandby = true
        cluster.members[0].status?.standbyCluster = StandbyClusterStatus()
        cluster.members[0].status?.standbyCluster?.host = "east:5432"
        cluster.members[0].status?.standbyCluster?.streaming = true
        cluster.members[0].status?.standbyCluster?.lagBytes = 96
        let text = ClusterTable(cluster).text
        #expect(text.contains("leader pg-1   FOLLOWS ANOTHER CLUSTER\n"))
        #expect(text.contains("follows another cluster: pg-1 streams from east:5432, 96 B behind"))
        #expect(text.contains("demoted; promote the other cluster with --token 77:2:0/3000060"))
        #expect(text.contains("promotion under way: waits for 77:3:0/4000000"))
    }

    @Test("a lag that nobody knows is said to be unknown, not nought")
    func unknownLag() {
        var cluster = ClusterStatus(cluster: "demo")
        cluster.members = [entry("pg-2") { $0.role = .replica }]
        #expect(ClusterTable(cluster).text.contains("unknown"))
        #expect(ClusterTable(cluster).text.contains("no leader"))
    }

    @Test("problems, a switchover under way and the last transition are told")
    func remarks() {
        var cluster = cluster
        cluster.members[0].status?.problem = "disk full"
        cluster.members[0].status?.archive = ArchiveStatus()
        cluster.members[0].status?.archive?.lastError = "no space"
        cluster.pendingSwitchover = SwitchoverRequest(id: "s", from: "pg-1", to: nil, deadlineMilliseconds: 1)
        cluster.lastTransition = Transition(
            id: "t", kind: .failover, from: "pg-3", to: "pg-1", term: 3, succeeded: false, reason: "lease ran out")
        let lines = ClusterTable(cluster).text.split(separator: "\n").suffix(5)
        #expect(
            Array(lines) == [
                "pg-1: disk full", "pg-1: archive: no space", "pg-2: not ready: too far behind",
                "switchover under way: pg-1 -> best candidate",
                "last transition: failover pg-3 -> pg-1, failed: lease ran out",
            ])
    }

    @Test("what commits wait for, traits and fences have columns of their own, when there are any")
    func columns() {
        var cluster = cluster
        cluster.synchronous = SynchronousState(mode: .quorum, members: ["pg-2", "pg-4"], votes: 2)
        cluster.intent.paused = true
        cluster.intent.fenced = ["pg-2", "pg-3"]
        cluster.intent.reclone["pg-3"] = RecloneRequest(id: "r")
        cluster.members[0].status?.traits = MemberTraits(failoverPriority: 5, zone: "a")
        cluster.members[0].status?.pendingRestart = true
        cluster.members[1].status?.isFenced = true
        cluster.members[1].status?.diskFull = true
        cluster.members[1].status?.traits = MemberTraits(noFailover: true, noLoadBalance: true, noSync: true)
        cluster.members[2].member.traits = MemberTraits(replicateFrom: "pg-2", applyDelayMilliseconds: 60_000)
        let lines = ClusterTable(cluster).text.split(separator: "\n").map { String($0) }
        #expect(lines[0].hasSuffix("leader pg-1   synchronous quorum   PAUSED"))
        #expect(lines[1].hasSuffix("READY  SYNC    NOTES"))
        #expect(lines[2].hasSuffix("yes    -       restart pending, zone a, priority 5"))
        #expect(lines[3].contains("  fenced  "))
        #expect(lines[3].hasSuffix("no     quorum  disk full, noFailover, noLoadBalance, noSync"))
        #expect(lines[4].hasSuffix("no     async   to be fenced, being made anew, delayed 60.0 s, from pg-2"))
    }

    @Test(
        "a sentence says who must have a commit, and who may take over",
        arguments: [
            (["pg-2", "pg-3"], 2, "commits wait for 1 of pg-2, pg-3; a take-over needs 2 of their votes"),
            (["pg-2", "pg-3"], 1, "commits wait for 2 of pg-2, pg-3; a take-over needs 1 of their votes"),
            (["pg-2"], 2, "nobody but pg-1 may lead until a standby is back"),
            ([], 0, "no standby is there, so commits wait for nobody"),
        ] as [([MemberName], Int, String)])
    func promise(members: [MemberName], votes: Int, sentence: String) {
        let state = SynchronousState(mode: .quorum, members: members, votes: votes)
        #expect(ClusterTable.promise(of: state, leader: "pg-1") == "synchronous: " + sentence)
    }

    @Test("what is scheduled is told with its time")
    func scheduled() {
        var cluster = cluster
        cluster.intent.switchover = SwitchoverRequest(
            id: "s", from: "pg-1", to: "pg-2", deadlineMilliseconds: 1, notBefore: 1_767_323_045_000, force: true)
        cluster.intent.restart = RestartRequest(id: "r", remaining: ["pg-3", "pg-2"], onlyIfPending: true)
        let text = ClusterTable(cluster).text
        #expect(text.contains("\nswitchover scheduled for 2026-01-02T03:04:05Z: pg-1 -> pg-2, by force\n"))
        #expect(text.hasSuffix("\nrestart under way, still to go that wait for one: pg-2, pg-3"))
    }
}
