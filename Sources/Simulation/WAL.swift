import ClusterModel

/// All WAL that was ever written, by content: a timeline's name may lie, a branch cannot.
struct WAL {
    /// What one server wrote after one promotion, or after initdb.
    struct Branch {
        var timeline: UInt32
        /// -1 for the first of a cluster.
        var parent: Int
        /// Where it leaves its parent.
        var start: UInt64
        /// How far it was ever written.
        var end: UInt64
        var system: UInt64
        var creator: Int
        /// The last position on it whose commit a client was told of.
        var acknowledged: UInt64 = 0
    }

    /// A place in the content. Positions at or before the start of a branch lie on its ancestors.
    struct Position: Equatable {
        var branch: Int
        var at: UInt64
    }

    private(set) var branches: [Branch] = []

    mutating func append(_ branch: Branch) -> Int {
        branches.append(branch)
        return branches.count - 1
    }

    mutating func extend(_ branch: Int, to end: UInt64) { branches[branch].end = max(branches[branch].end, end) }

    mutating func acknowledge(_ place: Position) {
        branches[place.branch].acknowledged = max(branches[place.branch].acknowledged, place.at)
    }

    /// What is lost is counted once.
    mutating func forget(after place: Position, of branch: Int) {
        branches[branch].acknowledged = min(branches[branch].acknowledged, common(branch, with: place))
    }

    /// Whether everything up to `other` is part of what somebody at `place` has.
    func has(_ place: Position, _ other: Position) -> Bool {
        var wanted = other.branch
        while branches[wanted].parent >= 0, other.at <= branches[wanted].start { wanted = branches[wanted].parent }
        return common(wanted, with: place) >= other.at
    }

    /// How far `branch` itself is part of what somebody at `place` has.
    func common(_ branch: Int, with place: Position) -> UInt64 {
        var current = place.branch
        var end = place.at
        while current != branch {
            end = min(end, branches[current].start)
            current = branches[current].parent
            if current < 0 { return 0 }
        }
        return end
    }

    /// Where two contents part.
    func fork(_ left: Position, _ right: Position) -> Position {
        var current = left.branch
        var end = left.at
        while true {
            let shared = min(end, common(current, with: right))
            if shared > branches[current].start || branches[current].parent < 0 {
                return Position(branch: current, at: shared)
            }
            end = min(end, branches[current].start)
            current = branches[current].parent
        }
    }

    /// What PostgreSQL's history file of a branch says.
    func history(of branch: Int) -> TimelineHistory {
        var ancestors: [TimelineHistory.Ancestor] = []
        var current = branch
        while branches[current].parent >= 0 {
            let parent = branches[current].parent
            ancestors.append(
                .init(timeline: TimelineID(branches[parent].timeline), end: LSN(rawValue: branches[current].start)))
            current = parent
        }
        return TimelineHistory(timeline: TimelineID(branches[branch].timeline), ancestors: ancestors.reversed())
    }

    /// The timeline that pg_control would name at a position.
    func timeline(of branch: Int) -> TimelineID { TimelineID(branches[branch].timeline) }

    /// As PostgreSQL checks it, by names: whether a standby at `mine` may stream from a server at `theirs`.
    func mayStream(_ mine: Position, from theirs: Position) -> Bool {
        let name = branches[mine.branch].timeline
        if branches[theirs.branch].timeline == name { return mine.at <= theirs.at }
        var current = theirs.branch
        while branches[current].parent >= 0 {
            let start = branches[current].start
            current = branches[current].parent
            if branches[current].timeline == name { return mine.at <= start }
        }
        return false
    }
}
