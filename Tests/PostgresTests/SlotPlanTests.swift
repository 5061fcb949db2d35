import ClusterModel
import Testing

@testable import Postgres

@Suite("Slots of the members")
struct SlotPlanTests {
    private func lsn(_ value: UInt64) -> LSN { LSN(rawValue: value) }

    private func slot(_ name: String, restart: UInt64? = 100, active: Bool = false, lost: Bool = false)
        -> LocalReport.Slot
    {
        LocalReport.Slot(
            name: name, isPhysical: true, isActive: active, restart: restart.map { lsn($0) }, isLost: lost)
    }

    private func report(inRecovery: Bool, replayed: UInt64 = 1000, _ slots: [LocalReport.Slot]) throws -> LocalReport {
        let position = lsn(replayed).description
        let rows: [[String?]] = [
            [
                "server", "\(inRecovery)", inRecovery ? nil : "00000001", position, position, "7", "150018", "1 0",
                "false",
            ], ["process", "false", "CheckpointerMain", "", nil, nil, nil, nil, nil],
        ]
        var report = try #require(LocalReport(rows: rows))
        report.slots = slots
        return report
    }

    @Test("every other member gets a slot, on primary and standby alike", arguments: [false, true])
    func create(inRecovery: Bool) throws {
        let plan = SlotPlan(
            report: try report(inRecovery: inRecovery, [slot("pgmahout_b")]), member: "a", members: ["a", "b", "c"],
            positions: [:])
        #expect(plan.create == ["pgmahout_c"])
        #expect(plan.drop.isEmpty)
        #expect(plan.advance.isEmpty)
    }

    @Test("slots of members that are gone are dropped, but none that is in use or not ours")
    func drop() throws {
        let found = [slot("pgmahout_gone"), slot("pgmahout_busy", active: true), slot("theirs"), slot("pgmahout_a")]
        let plan = SlotPlan(
            report: try report(inRecovery: false, found), member: "a", members: ["a"], positions: [:])
        #expect(plan.drop == ["pgmahout_a", "pgmahout_gone"])
        #expect(plan.create.isEmpty)
    }

    @Test("a slot that lost its WAL is made anew")
    func lost() throws {
        let plan = SlotPlan(
            report: try report(inRecovery: false, [slot("pgmahout_b", restart: nil, lost: true)]), member: "a",
            members: ["a", "b"], positions: [:])
        #expect(plan.drop == ["pgmahout_b"])
        #expect(plan.create == ["pgmahout_b"])
    }

    @Test("a standby moves the others' slots to where they are, but never back nor past its own replay")
    func advance() throws {
        let found = [slot("pgmahout_b"), slot("pgmahout_c"), slot("pgmahout_d"), slot("pgmahout_e", restart: nil)]
        let plan = SlotPlan(
            report: try report(inRecovery: true, replayed: 500, found), member: "a",
            members: ["a", "b", "c", "d", "e"],
            positions: ["b": lsn(300), "c": lsn(900), "d": lsn(50), "e": lsn(400)])
        #expect(
            plan.advance == [
                SlotPlan.Advance(slot: "pgmahout_b", to: lsn(300)), SlotPlan.Advance(slot: "pgmahout_c", to: lsn(500)),
            ])
    }

    @Test("a standby keeps everything for a member that it does not hear of, and leaves a slot in use alone")
    func advanceUnknown() throws {
        let plan = SlotPlan(
            report: try report(inRecovery: true, [slot("pgmahout_b"), slot("pgmahout_c", active: true)]), member: "a",
            members: ["a", "b", "c"], positions: ["c": lsn(900)])
        #expect(plan.isEmpty)
    }

    @Test("a primary moves the slots of members that stream from a standby, and no other")
    func primaryAdvances() throws {
        let plan = SlotPlan(
            report: try report(
                inRecovery: false, [slot("pgmahout_b"), slot("pgmahout_c", active: true), slot("tool")]),
            member: "a", members: ["a", "b", "c"], positions: ["b": lsn(900), "c": lsn(900)], permanent: ["tool"],
            permanentPositions: ["tool": lsn(500)])
        #expect(plan.advance == [SlotPlan.Advance(slot: "pgmahout_b", to: lsn(900))])
        #expect(plan.create.isEmpty && plan.drop.isEmpty)
    }

    @Test("permanent slots are made everywhere, never dropped, and stand where they stand on the primary")
    func permanent() throws {
        let found = [slot("pgmahout_b"), slot("tool"), slot("other"), slot("busy", active: true)]
        func plan(_ permanent: [String], _ positions: [MemberName: LSN], at: [String: LSN] = [:]) throws -> SlotPlan {
            SlotPlan(
                report: try report(inRecovery: true, found), member: "a", members: ["a", "b", "c"],
                positions: positions, permanent: permanent, permanentPositions: at)
        }
        let known = try plan(["tool", "new", "busy"], [:], at: ["tool": lsn(400), "busy": lsn(400)])
        #expect(known.create == ["new", "pgmahout_c"])
        #expect(known.drop.isEmpty)
        #expect(known.advance == [SlotPlan.Advance(slot: "tool", to: lsn(400))])
        // Not known where it stands: where the last of the members is, once all are heard of.
        let last = try plan(["tool"], ["b": lsn(300), "c": lsn(200)])
        #expect(last.advance.contains(SlotPlan.Advance(slot: "tool", to: lsn(200))))
        #expect(try !plan(["tool"], ["b": lsn(300)]).advance.contains { $0.slot == "tool" })
    }

    @Test("names are valid, and no two members share one")
    func names() {
        #expect(SlotName.of("pg-1") == "pgmahout_pg_1")
        let members: [MemberName] = [
            "pg-1", "pg_1", "pg.1", "PG-1", "pg--1", MemberName(String(repeating: "x", count: 63)),
            MemberName(String(repeating: "x", count: 62) + "y"), "ü",
        ]
        let names = members.map { SlotName.of($0) }
        #expect(Set(names).count == members.count)
        for name in names {
            #expect(name.utf8.count <= 63)
            #expect(name.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "_") })
        }
    }
}
