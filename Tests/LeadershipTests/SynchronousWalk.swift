import ClusterModel
import Testing

@testable import Leadership

/// All states that can be reached with three standbys. Members are bits, sets of them numbers.
struct SynchronousWalk {
    struct State: Hashable {
        var record: UInt8 = 0
        var votes: UInt8 = 1
        var setting: UInt8 = 0
        var required: UInt8 = 0
        /// Who has the commits that were acknowledged under earlier settings, at least: bit n stands for the set n.
        var earlier: UInt8 = 0

        var key: Int {
            Int(record) | Int(votes) << 3 | Int(setting) << 6 | Int(required) << 9 | Int(earlier) << 11
        }
    }

    enum Step {
        case record(UInt8, votes: UInt8)
        case setting(UInt8, required: UInt8)
        case wait, done
    }

    struct Result {
        var states = 0
        var unsafe: State?
    }

    static let names: [MemberName] = ["a", "b", "c"]
    static let sets: Range<UInt8> = 0..<8

    let removed: Guard?
    let targets: [SynchronousSetting]
    /// By all that a step depends on.
    private var steps = [Step?](repeating: nil, count: 1 << 19)
    /// What becomes of sets of holders once more have flushed everything, by both.
    private let flushed: [UInt8] = (0..<2048).map { both in
        Self.sets.reduce(0) { both & 1 << $1 != 0 ? $0 | 1 << ($1 | UInt8(both >> 8)) : $0 }
    }
    private var seen = [Bool](repeating: false, count: 1 << 19)
    private var reached: Set<Int> = []

    init(removed: Guard?) {
        self.removed = removed
        var targets = [SynchronousSetting.none]
        for chosen in Self.sets {
            // As in `strict`, more may be demanded than there are.
            for required in 1...2 {
                targets.append(SynchronousSetting(members: Self.members(chosen), required: required))
            }
        }
        self.targets = targets
    }

    static func members(_ set: UInt8) -> [MemberName] { names.indices.filter { set & 1 << $0 != 0 }.map { names[$0] } }

    static func set(_ members: [MemberName]) -> UInt8 {
        members.reduce(0) { $0 | (names.firstIndex(of: $1).map { 1 << $0 } ?? 0) }
    }

    /// From a cluster of one, by every sequence of targets, with every set of standbys having flushed what was there.
    mutating func explore() throws -> Result {
        var count = 1
        var open = [State()]
        while let state = open.popLast() {
            guard isSafe(state) else { return Result(states: count, unsafe: state) }
            for target in targets.indices {
                for covered in Self.sets {
                    let (next, _) = step(state, target, covered)
                    guard !seen[next.key] else { continue }
                    seen[next.key] = true
                    count += 1
                    open.append(next)
                }
                if removed == nil, reached.insert(question(state, target, 7)).inserted {
                    try #require(reaches(target, from: state), "\(targets[target]) from \(state)")
                }
            }
        }
        return Result(states: count)
    }

    /// No votes can be had without somebody who has the commit, whichever commit it is.
    private func isSafe(_ state: State) -> Bool {
        let held = acknowledging(state) | state.earlier
        for set in Self.sets where held & 1 << set != 0 {
            if (state.record & ~set).nonzeroBitCount >= Int(state.votes) { return false }
        }
        return true
    }

    /// Who can have acknowledged a commit under the present setting, at least; as sets of sets.
    private func acknowledging(_ state: State) -> UInt8 {
        var found: UInt8 = 0
        for set in Self.sets where set & ~state.setting == 0 && set.nonzeroBitCount == Int(state.required) {
            found |= 1 << set
        }
        return found
    }

    private func question(_ state: State, _ target: Int, _ covered: UInt8) -> Int {
        (state.key & 0x7FF) | target << 11 | Int(covered) << 16
    }

    private mutating func step(_ state: State, _ target: Int, _ covered: UInt8) -> (State, isDone: Bool) {
        let question = question(state, target, covered)
        let step = steps[question] ?? plan(state, targets[target], covered)
        steps[question] = step
        var next = state
        // Whoever is covered has all that was acknowledged under earlier settings.
        next.earlier = flushed[Int(state.earlier) | Int(covered) << 8]
        switch step {
        case .record(let members, let votes):
            next.record = members
            next.votes = votes
        case .setting(let members, let required):
            next.earlier |= acknowledging(state)
            next.setting = members
            next.required = required
        case .wait: break
        case .done: return (next, true)
        }
        return (next, false)
    }

    private func plan(_ state: State, _ target: SynchronousSetting, _ covered: UInt8) -> Step {
        let plan = SynchronousPlan(
            mode: .quorum,
            record: SynchronousState(
                mode: .quorum, members: Self.members(state.record), votes: Int(state.votes)),
            setting: SynchronousSetting(members: Self.members(state.setting), required: Int(state.required)),
            covered: Set(Self.members(covered)), removed: removed.list)
        switch plan.next(towards: target) {
        case .record(let record): return .record(Self.set(record.members), votes: UInt8(record.votes))
        case .setting(let setting): return .setting(Self.set(setting.members), required: UInt8(setting.required))
        case .wait: return .wait
        case .done: return .done
        }
    }

    /// Once everybody has flushed everything a target is a few steps away.
    private mutating func reaches(_ target: Int, from state: State) -> Bool {
        var state = state
        for _ in 0..<6 {
            let (next, isDone) = step(state, target, 7)
            if isDone { return true }
            state = next
        }
        return false
    }
}
