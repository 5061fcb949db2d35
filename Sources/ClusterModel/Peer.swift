/// What members ask of each other beside reports: `POST /v1/peer/consent` and `POST /v1/peer/vote`.
package enum PeerRequest: Hashable, Sendable, Codable {
    case consent(ConsentRequest)
    case vote(VoteRequest)
}

/// The holder cannot reach the store: may it go on? Whoever consents neither stands nor votes for `duration`.
package struct ConsentRequest: Hashable, Sendable, Codable {
    package var holder: Incarnation
    package var term: UInt64
    /// Number of the round, rising in one run of the holder: an answer belongs to one question.
    package var round: UInt64
    /// D in milliseconds.
    package var durationMilliseconds: Int64

    package init(holder: Incarnation, term: UInt64, round: UInt64, durationMilliseconds: Int64) {
        self.holder = holder
        self.term = term
        self.round = round
        self.durationMilliseconds = durationMilliseconds
    }
}

/// A member wants to take over from the holder of `term`, whose last renewal it saw is `renewal`. Whoever grants it
/// receives no WAL from that holder until it has seen another renewal or another holder in the store.
package struct VoteRequest: Hashable, Sendable, Codable {
    package var candidate: MemberName
    package var term: UInt64
    package var renewal: String

    package init(candidate: MemberName, term: UInt64, renewal: String) {
        self.candidate = candidate
        self.term = term
        self.renewal = renewal
    }
}

package struct PeerAnswer: Hashable, Sendable, Codable {
    package var granted: Bool
    /// Why not; empty when granted.
    package var reason: String
    /// Of a consent: the round that it answers.
    package var round: UInt64

    package init(granted: Bool, reason: String, round: UInt64 = 0) {
        self.granted = granted
        self.reason = reason
        self.round = round
    }
}

/// A vote that was cast: the WAL receiver is gone, so the reported position is final until the vote is void.
package struct Vote: Hashable, Sendable, Codable {
    package var term: UInt64
    /// The renewal that it is bound to: void as soon as the record has another.
    package var renewal: String

    package init(term: UInt64, renewal: String) {
        self.term = term
        self.renewal = renewal
    }
}
