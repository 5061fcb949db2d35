import ClusterModel
import Testing

@testable import Leadership

@Suite("The beginning of a cluster, and of a member")
struct BootstrapTests {
    @Test("one member wins the record, makes the cluster, publishes it, and only then opens it")
    func bootstrap() throws {
        var scenario = Scenario.newcomer("pg-1", record: nil)
        let first = try #require(scenario.decide().write)
        #expect(first == .create(first.record))
        #expect(first.record.term == 1)
        #expect(first.record.electorate == ["pg-1"])
        scenario.apply(first)
        #expect(scenario.decide().operations == [.initialize])
        var data = Scenario.data(wasPrimary: true)
        data.term = 0
        scenario.observation.local.data = .present(data)
        let publishing = scenario.decide()
        #expect(publishing.operations.isEmpty)
        scenario.apply(try #require(publishing.write))
        #expect(scenario.observation.store.record?.systemIdentifier == Scenario.systemIdentifier)
        #expect(scenario.decide().operations == [.start(.primary)])
    }

    @Test("another member takes over the making when the first one is gone before it has published anything")
    func secondMaker() throws {
        var record = ClusterRecord(cluster: "demo", durationMilliseconds: 6000)
        record.holder = Scenario.member("pg-1").incarnation
        record.term = 1
        record.renewal = "first"
        record.electorate = ["pg-1"]
        record.members = ["pg-1": Scenario.member("pg-1"), "pg-2": Scenario.member("pg-2")]
        var scenario = Scenario.newcomer("pg-2", record: record)
        #expect(scenario.decide().write == nil)
        scenario.pass(.seconds(6))
        let write = try #require(scenario.decide().write)
        #expect(write.record.term == 2)
        scenario.apply(write)
        #expect(scenario.decide().operations == [.initialize])
    }

    @Test("a cluster that exists is never made again by a member without data")
    func waits() {
        var record = Scenario.record(holder: nil)
        record.primary = "pg-1"
        var scenario = Scenario.newcomer(record: record)
        scenario.pass(.seconds(60))
        let decision = scenario.decide()
        #expect(decision.write == nil && decision.operations.isEmpty)
        #expect(decision.problem == "waits for a primary to clone from")
    }

    @Test("nothing is started before the record says which cluster this is")
    func publishesFirst() throws {
        var scenario = Scenario.primary()
        scenario.change {
            $0.systemIdentifier = nil
            $0.timeline = nil
        }
        scenario.stopServer()
        let decision = scenario.decide()
        #expect(decision.operations.isEmpty)
        scenario.apply(try #require(decision.write))
        #expect(scenario.decide().operations == [.start(.primary)])
    }

    @Test("a holder whose data directory is gone gives the lease back instead of making a new cluster")
    func lostData() throws {
        var scenario = Scenario.primary()
        scenario.observation.local.data = .absent
        scenario.stopServer()
        let decision = scenario.decide()
        #expect(decision.operations.isEmpty)
        #expect(try #require(decision.write).record.holder == nil)
    }

    @Test("a data directory of another cluster is refused, and nothing is touched")
    func foreign() {
        var scenario = Scenario.replica()
        scenario.change { $0.systemIdentifier = SystemIdentifier(rawValue: 1) }
        let decision = scenario.decide()
        #expect(decision.exit == ExitCode.dataRefused)
        #expect(decision.operations.isEmpty && decision.write == nil)
    }

    @Test("a directory that was made but never opened is discarded when another one became the cluster")
    func lostRace() {
        var scenario = Scenario.replica()
        scenario.change { $0.systemIdentifier = SystemIdentifier(rawValue: 1) }
        var data = Scenario.data(wasPrimary: true)
        data.term = 0
        scenario.observation.local.data = .present(data)
        scenario.stopServer()
        #expect(scenario.decide().operations == [.discard])
    }

    @Test("a copy is made only of a primary that is open under the recorded term")
    func clone() {
        var scenario = Scenario.newcomer(record: Scenario.record(holder: "pg-1"))
        #expect(scenario.decide().operations.isEmpty)
        scenario.report("pg-1", role: .primary)
        #expect(scenario.decide().operations == [.clone(from: "pg-1")])
        scenario.observation.peers["pg-1"]?.status.term = 2
        #expect(scenario.decide().operations.isEmpty)
    }

    @Test("a copy that failed is tried again after a pause, which grows to 15 seconds")
    func backOff() {
        var scenario = Scenario.newcomer(record: Scenario.record(holder: "pg-1"))
        scenario.report("pg-1", role: .primary)
        scenario.observation.failure = OperationFailure(
            operation: .clone(from: "pg-1"), at: scenario.now, count: 1, reason: "the disk is full")
        let refused = scenario.decide()
        #expect(refused.operations.isEmpty)
        #expect(refused.problem == "the disk is full")
        #expect(refused.wakeAt == scenario.now + .milliseconds(500))
        scenario.pass(.milliseconds(500))
        #expect(scenario.decide().operations == [.clone(from: "pg-1")])
        scenario.observation.failure?.at = scenario.now
        scenario.observation.failure?.count = 1000
        scenario.pass(.milliseconds(14_999))
        scenario.change { $0.renewal = "second" }
        #expect(scenario.decide().operations.isEmpty)
        scenario.pass(.milliseconds(1))
        #expect(scenario.decide().operations == [.clone(from: "pg-1")])
    }
}
