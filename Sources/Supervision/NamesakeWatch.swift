import ClusterModel

/// Notices that another run, alive now, uses this member's name: two pods of one name, or one configuration used twice.
/// Pure.
///
/// Of two, the one whose entry stands in the record is the member. The other one keeps quiet until the first has been
/// silent for a while, so they do not overwrite each other's entry for ever, and nobody counts one of them for the other.
struct NamesakeWatch: Hashable, Sendable {
    /// Of the record's entry with our name, when it is not ours; nil when it is, or there is none.
    private(set) var entry: Incarnation?
    /// It was heard of at its own address, or it wrote its entry over ours.
    private var aliveAt: Instant?
    private var wroteOurs = false
    /// Another pod's entry was found before ours ever stood there: since then it is asked whether it is alive.
    private var askingSince: Instant?

    /// How long a newcomer waits for the answer of whoever has its name.
    static let courtesy = Duration.seconds(1)

    init() {}

    /// Whether to wait before the own entry is written: until when.
    func waits(at now: Instant) -> Instant? {
        guard let until = askingSince.map({ $0 + Self.courtesy }), now < until else { return nil }
        return until
    }

    /// - Parameter entry: the incarnation that the record has under our name.
    mutating func note(entry found: Incarnation?, me: Incarnation, at now: Instant) {
        guard let found, found != me else {
            if found == me { wroteOurs = true }
            entry = nil
            aliveAt = nil
            askingSince = nil
            return
        }
        if entry != found {
            aliveAt = nil
            askingSince = !wroteOurs && found.podUID != me.podUID ? now : nil
        }
        // An earlier boot of this very pod is known to be dead: an old record was brought back.
        if wroteOurs, found.podUID != me.podUID { aliveAt = now }
        wroteOurs = false
        entry = found
    }

    /// Somebody answered under our name at the address in the record.
    mutating func heard(of incarnation: Incarnation, at moment: Instant) {
        // Whoever it is: nobody else is at that address, which may be ours by now.
        askingSince = nil
        guard incarnation == entry else { return }
        aliveAt = max(aliveAt ?? moment, moment)
    }

    /// The other one, while it was heard of within `patience`.
    func rival(at now: Instant, patience: Duration) -> Incarnation? {
        guard let entry, let aliveAt, now.since(aliveAt) <= patience else { return nil }
        return entry
    }
}
