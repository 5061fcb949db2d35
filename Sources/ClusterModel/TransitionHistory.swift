/// `GET /v1/history`: the last transitions that a member heard of since it started.
package struct TransitionHistory: Hashable, Sendable, Codable {
    package struct Entry: Hashable, Sendable, Codable {
        /// When this member heard of it: milliseconds since 1970.
        package var at: Int64
        package var transition: Transition
    }

    private static let limit = 50

    /// Oldest first.
    package private(set) var transitions: [Entry] = []

    package init() {}

    /// Takes a transition in unless it is known. What was heard of it last counts: it may have been taken for a success
    /// before it failed.
    package mutating func note(_ transition: Transition, at wallClock: Int64) {
        if let known = transitions.firstIndex(where: { $0.transition.id == transition.id }) {
            transitions[known].transition = transition
            return
        }
        transitions.append(Entry(at: wallClock, transition: transition))
        if transitions.count > Self.limit { transitions.removeFirst(transitions.count - Self.limit) }
    }
}
