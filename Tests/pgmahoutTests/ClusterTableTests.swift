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
}
