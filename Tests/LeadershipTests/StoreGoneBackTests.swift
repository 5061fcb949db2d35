import ClusterModel
import Testing

@testable import Leadership

@Suite("A store that lost the record, or went back")
struct StoreGoneBackTests {
    /// The store shows the record of an earlier term, of pg-3, to somebody who has seen term 3 of pg-1.
    func goneBack(_ start: Scenario, holder: MemberName? = "pg-3") -> Scenario {
        var scenario = start
        _ = scenario.decide()
        scenario.observation.peers["pg-1"] = nil
        var old = Scenario.record(holder: holder, term: 1)
        old.primary = "pg-3"
        old.renewal = "old"
        scenario.observation.store.record = old
        scenario.observation.store.version = "v-old"
        return scenario
    }

    // MARK: No record

    @Test("a record that is missing is made anew after D, without a holder, with all that was known")
    func lost() throws {
        var scenario = Scenario.replica()
        scenario.makeLossless()
        _ = scenario.decide()
        let known = try #require(scenario.observation.store.record)
        scenario.observation.store.record = nil
        scenario.observation.store.version = nil
        #expect(scenario.decide().write == nil)
        scenario.pass(.milliseconds(5999))
        #expect(scenario.decide().write == nil)
        scenario.pass(.milliseconds(1))
        let write = try #require(scenario.decide().write)
        #expect(write == .create(write.record))
        #expect(write.record.holder == nil && write.record.successor == nil)
        #expect(write.record.term == 3)
        #expect(write.record.systemIdentifier == Scenario.systemIdentifier)
        #expect(write.record.synchronous == known.synchronous)
        #expect(write.record.electorate == known.electorate)
    }

    @Test("a member that never saw the record leaves making it anew to those that did, for half a D more")
    func neverSeen() throws {
        var scenario = Scenario.replica()
        scenario.observation.settings.synchronousMode = .quorum
        scenario.observation.store.record = nil
        scenario.observation.store.version = nil
        _ = scenario.decide()
        scenario.pass(.milliseconds(8_999))
        #expect(scenario.decide().write == nil)
        scenario.pass(.milliseconds(1))
        let record = try #require(scenario.decide().write).record
        #expect(record.holder == nil)
        #expect(record.term == 3)
        #expect(record.timeline == TimelineID(1))
        // Who has what is not known: nobody is elected before all have come back.
        #expect(record.synchronous?.members == [])
    }

    @Test("a promise is kept although the record is gone")
    func promiseKept() {
        var scenario = Scenario.replica()
        _ = scenario.decide()
        scenario.observation.store.record = nil
        scenario.observation.store.version = nil
        _ = scenario.decide()
        scenario.pass(.seconds(5))
        let consent = ConsentRequest(
            holder: Scenario.member("pg-1").incarnation, term: 3, round: 1, durationMilliseconds: 6000)
        #expect(scenario.answer(.consent(consent)).granted)
        scenario.pass(.milliseconds(5999))
        #expect(scenario.decide().write == nil)
        scenario.pass(.milliseconds(1))
        #expect(scenario.decide().write != nil)
    }

    @Test("a member without data that knew a record makes no new cluster")
    func noNewCluster() {
        var scenario = Scenario.newcomer(record: Scenario.record(holder: "pg-1"))
        _ = scenario.decide()
        scenario.observation.store.record = nil
        scenario.observation.store.version = nil
        scenario.pass(.seconds(60))
        #expect(scenario.decide().write == nil)
    }

    @Test("a record made anew knows no electorate: in a lossless mode all that are back have to vote, after D")
    func madeAnew() {
        var scenario = Scenario.candidate()
        scenario.change {
            $0.holder = nil
            $0.primary = nil
            $0.electorate = []
            $0.renewal = "anew"
            $0.synchronous = SynchronousState(mode: .quorum, members: [], votes: 1)
        }
        _ = scenario.decide()
        scenario.vote("pg-3")
        #expect(scenario.decide().write == nil)
        scenario.pass(.seconds(6))
        #expect(scenario.decide().write == nil)
        scenario.vote("pg-1")
        #expect(scenario.decide().write != nil)
    }

    // MARK: An earlier record

    @Test("is overwritten by whoever knows a later one, under a new stamp, and nothing else is done before")
    func writtenBack() throws {
        for holder in [nil, "pg-1", "pg-3"] as [MemberName?] {
            var scenario = goneBack(.replica(), holder: holder)
            let decision = scenario.decide()
            let write = try #require(decision.write)
            #expect(write == .replace(write.record, at: "v-old"))
            #expect(write.record.term == 3)
            #expect(write.record.holder == Scenario.member("pg-1").incarnation)
            // A renewal that came back would make votes count that were void meanwhile.
            #expect(write.record.renewal != "first" && write.record.renewal != "old")
            #expect(write.record.durationMilliseconds == 6000)
            #expect(decision.operations.isEmpty)
        }
    }

    @Test("an earlier lease of this very pod is not taken without waiting")
    func ownPast() {
        var scenario = Scenario.primary()
        scenario.observation.store.held = nil
        scenario.change { $0.holder = Scenario.member("pg-3").incarnation }
        scenario.stopServer()
        scenario = goneBack(scenario)
        scenario.change {
            $0.holder = Incarnation(name: "pg-1", podUID: "uid-pg-1", bootID: "before")
            $0.primary = "pg-1"
        }
        #expect(scenario.decide().write?.record.holder?.name == "pg-3")
        // After a restart it knows nothing, but its data was opened later.
        scenario.memory = Memory()
        #expect(scenario.decide().write == nil)
    }

    @Test("an earlier primary judges itself by what it knew: it is not the last one, and opens nothing")
    func earlierPrimary() {
        var scenario = Scenario.primary()
        scenario.observation.store.held = nil
        scenario.makeLossless(.quorum, ["pg-1", "pg-3"], votes: 2)
        scenario.change {
            $0.primary = "pg-2"
            $0.holder = Scenario.member("pg-2").incarnation
            $0.term = 5
            $0.timeline = TimelineID(2)
        }
        scenario.stopServer()
        scenario = goneBack(scenario)
        scenario.change {
            $0.primary = "pg-1"
            $0.holder = nil
            $0.term = 3
        }
        for _ in 0..<20 {
            let decision = scenario.decide()
            #expect(decision.write?.record.holder?.name != "pg-1")
            #expect(!decision.operations.contains(.start(.primary)))
            scenario.pass(.seconds(1))
        }
    }

    @Test(
        "within its lease the holder writes back what it knows, over an earlier lease of its own or nothing"
    )
    func holderWritesBack() throws {
        var earlier = goneBack(.primary(), holder: "pg-1")
        earlier.pass(.seconds(1))
        let decision = earlier.decide()
        #expect(!decision.fences)
        let write = try #require(decision.write)
        #expect(write == .replace(write.record, at: "v-old"))
        #expect(write.record.term == 3)
        #expect(write.record.holder == earlier.observation.me.incarnation)
        earlier.pass(.seconds(3))
        #expect(earlier.decide().fences)

        var missing = Scenario.primary()
        _ = missing.decide()
        missing.observation.store.record = nil
        missing.observation.store.version = nil
        let anew = try #require(missing.decide().write)
        #expect(anew == .create(anew.record))
        #expect(anew.record.term == 3)
        missing.pass(.seconds(4))
        #expect(missing.decide().fences)
    }

    @Test("the holder goes on over an earlier lease of another, and stops at one of its own term or later")
    func othersLease() throws {
        var scenario = goneBack(.primary(), holder: "pg-3")
        let decision = scenario.decide()
        #expect(!decision.fences)
        #expect(try #require(decision.write).record.holder == scenario.observation.me.incarnation)
        scenario.change { $0.term = 3 }
        #expect(scenario.decide().fences)
    }

    @Test("a record that names no cluster is told which one it is by a member that has its data")
    func identified() throws {
        var scenario = Scenario.replica()
        scenario.change {
            $0.systemIdentifier = nil
            $0.timeline = nil
            $0.holder = nil
        }
        let write = try #require(scenario.decide().write)
        #expect(write.record.systemIdentifier == Scenario.systemIdentifier)
        #expect(write.record.timeline == TimelineID(1))
        #expect(write.record.electorate.isEmpty)
    }

    @Test("a member whose data knows of a higher term does not believe the record, even after a restart")
    func knownByData() {
        var scenario = Scenario.replica()
        scenario.observation.peers["pg-1"] = nil
        scenario.change {
            $0.holder = nil
            $0.term = 2
        }
        #expect(scenario.decide().operations.isEmpty)
        scenario.pass(.seconds(6))
        #expect(scenario.decide().operations == [.detach])
    }

    @Test("a run that an old record shows under an earlier incarnation enters itself again")
    func entersAgain() throws {
        var scenario = goneBack(.replica())
        scenario.change {
            $0.term = 3
            $0.members["pg-2"] = Scenario.member("pg-2", boot: "earlier")
        }
        let write = try #require(scenario.decide().write)
        #expect(write.record.members["pg-2"] == scenario.observation.me)
        #expect(write.record.renewal == "old")
    }
}
