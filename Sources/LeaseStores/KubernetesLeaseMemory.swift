import ClusterModel
import Kubernetes

/// What a store knows of the Lease between calls.
struct KubernetesLeaseMemory: Sendable {
    struct Seen: Sendable {
        var lease: JSONValue
        var version: RecordVersion
    }

    private var last: (seen: Seen, at: Instant)?
    /// The highest resourceVersion that any answer had; they count everything that happens in the API server.
    private(set) var highest: UInt64 = 0
    /// How often the API server went back to an older state of itself, as it does when its etcd is restored.
    private(set) var setBacks = 0
    private var remark: String?

    /// What a reading that begins now may be compared with.
    var mark: Mark { Mark(highest: highest, setBacks: setBacks) }

    struct Mark: Sendable {
        var highest: UInt64
        var setBacks: Int
    }

    /// Takes in what a reading brought that began at `mark`; nil when the object is none of the API server's.
    ///
    /// Readings are answered from etcd and never go back: if one does, the server did. From then on versions are
    /// others than before, so that nobody takes what was restored for what he once knew.
    mutating func note(read lease: JSONValue, since mark: Mark, at moment: Instant) -> Seen? {
        guard let number = Self.number(of: lease) else { return nil }
        if number < mark.highest, setBacks == mark.setBacks {
            setBacks += 1
            highest = number
        }
        return note(lease, number, moment)
    }

    /// Takes in what a write returned.
    mutating func note(written lease: JSONValue, at moment: Instant) -> Seen? {
        guard let number = Self.number(of: lease) else { return nil }
        return note(lease, number, moment)
    }

    private mutating func note(_ lease: JSONValue, _ number: UInt64, _ moment: Instant) -> Seen? {
        highest = max(highest, number)
        guard let version = KubernetesLeaseObject.version(of: lease, setBacks: setBacks) else { return nil }
        let seen = Seen(lease: lease, version: version)
        last = (seen, moment)
        return seen
    }

    /// The Lease at this version, if it came in just now: a process that was stopped for long has to look again before
    /// it writes, for by then the API server may count through the same numbers once more.
    func recent(_ version: RecordVersion, at moment: Instant) -> Seen? {
        guard let last, last.seen.version == version, moment.since(last.at) < Self.span else { return nil }
        return last.seen
    }

    /// Whether it is another remark than the last one.
    mutating func isNew(_ text: String?) -> Bool {
        defer { remark = text }
        return remark != text
    }

    private static func number(of lease: JSONValue) -> UInt64? {
        lease.text("metadata", "resourceVersion").flatMap { UInt64($0) }
    }

    /// Far less than an API server needs to come up again with another etcd.
    private static let span = Duration.seconds(3)
}
