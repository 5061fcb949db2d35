/// The one shared document of a cluster (design §4.1), kept in a lease store that can compare and swap.
///
/// Only the holder renews it. Every other writer changes its own entry, or `intent`, by compare-and-swap on the
/// version it read.
package struct ClusterRecord: Hashable, Sendable, Codable {
    /// Format of this document; a reader refuses a record of a newer format instead of guessing.
    package static let currentFormat = 1

    /// A record is handed around with every decision and seldom changed: one reference instead of all its parts.
    private var content: Content

    package var format: Int {
        get { content.fields.format }
        set { change { $0.format = newValue } }
    }
    package var cluster: String {
        get { content.fields.cluster }
        set { change { $0.cluster = newValue } }
    }
    /// nil when released.
    package var holder: Incarnation? {
        get { content.fields.holder }
        set { change { $0.holder = newValue } }
    }
    /// The member that led last: its data is the head of `timeline`. Stays after a release.
    package var primary: MemberName? {
        get { content.fields.primary }
        set { change { $0.primary = newValue } }
    }
    /// When released by a switchover: the only member that may take over before `duration` has passed.
    package var successor: MemberName? {
        get { content.fields.successor }
        set { change { $0.successor = newValue } }
    }
    /// The successor was seen to have everything, or a person gave up what it lacks: it needs no votes.
    package var successorIsConfirmed: Bool {
        get { content.fields.successorIsConfirmed }
        set { change { $0.successorIsConfirmed = newValue } }
    }
    /// +1 at every change of holder; never goes down.
    package var term: UInt64 {
        get { content.fields.term }
        set { change { $0.term = newValue } }
    }
    /// Opaque stamp, new at every renewal: compared for equality only, never with a clock.
    package var renewal: String {
        get { content.fields.renewal }
        set { change { $0.renewal = newValue } }
    }
    /// Lease duration D in milliseconds, as the holder was configured.
    package var durationMilliseconds: Int64 {
        get { content.fields.durationMilliseconds }
        set { change { $0.durationMilliseconds = newValue } }
    }
    /// nil until initdb has succeeded.
    package var systemIdentifier: SystemIdentifier? {
        get { content.fields.systemIdentifier }
        set { change { $0.systemIdentifier = newValue } }
    }
    /// The newest timeline that was promised to a holder: nobody else may ever create it (two promotions from one
    /// parent would give one name to two histories). Written when the record is won, before postgres is promoted.
    package var timeline: TimelineID? {
        get { content.fields.timeline }
        set { change { $0.timeline = newValue } }
    }
    /// Where `timeline` branched off; nil for timeline 1 and while its promotion is under way.
    package var timelineStart: LSN? {
        get { content.fields.timelineStart }
        set { change { $0.timelineStart = newValue } }
    }
    /// The holder's WAL flush position at the renewal.
    package var flushed: LSN? {
        get { content.fields.flushed }
        set { change { $0.flushed = newValue } }
    }
    /// Every member that holds a data directory of this cluster, or is about to make one.
    package var members: [MemberName: Member] {
        get { content.fields.members }
        set { change { $0.members = newValue } }
    }
    /// The members that the holder knew of at its last renewal, sorted: only they may stand, and all of them are asked
    /// for consent. A member that entered itself counts from the next renewal on.
    package var electorate: [MemberName] {
        get { content.fields.electorate }
        set { change { $0.electorate = newValue } }
    }
    /// Who has what was acknowledged; nil when commits never waited.
    package var synchronous: SynchronousState? {
        get { content.fields.synchronous }
        set { change { $0.synchronous = newValue } }
    }
    /// The cluster that this one follows; nil: it leads itself.
    package var remote: RemoteCluster? {
        get { content.fields.remote }
        set { change { $0.remote = newValue } }
    }
    /// Where this cluster stopped writing when it was demoted last.
    package var demotion: DemotionToken? {
        get { content.fields.demotion }
        set { change { $0.demotion = newValue } }
    }
    package var intent: Intent {
        get { content.fields.intent }
        set { change { $0.intent = newValue } }
    }
    /// Work on the archive; nil: there was none yet.
    package var jobs: JobBook? {
        get { content.fields.jobs }
        set { change { $0.jobs = newValue } }
    }
    /// The last finished transition, for people and for `GET /v1/cluster`.
    package var lastTransition: Transition? {
        get { content.fields.lastTransition }
        set { change { $0.lastTransition = newValue } }
    }

    package init(cluster: String, durationMilliseconds: Int64) {
        content = Content(Fields(cluster: cluster, durationMilliseconds: durationMilliseconds))
    }

    package var duration: Duration { .milliseconds(durationMilliseconds) }

    package static func == (left: ClusterRecord, right: ClusterRecord) -> Bool {
        left.content === right.content || left.content.fields == right.content.fields
    }

    package func hash(into hasher: inout Hasher) { content.fields.hash(into: &hasher) }

    package init(from decoder: any Decoder) throws { content = Content(try Fields(from: decoder)) }

    package func encode(to encoder: any Encoder) throws { try content.fields.encode(to: encoder) }

    private mutating func change(_ edit: (inout Fields) -> Void) {
        var fields = content.fields
        edit(&fields)
        content = Content(fields)
    }

    /// Never changed once it is made, so it may be shared.
    private final class Content: Sendable {
        let fields: Fields
        init(_ fields: Fields) { self.fields = fields }
    }

    /// The document as it is stored.
    private struct Fields: Hashable, Sendable, Codable {
        var format: Int = ClusterRecord.currentFormat
        var cluster: String
        var holder: Incarnation?
        var primary: MemberName?
        var successor: MemberName?
        var successorIsConfirmed: Bool = false
        var term: UInt64 = 0
        var renewal: String = ""
        var durationMilliseconds: Int64
        var systemIdentifier: SystemIdentifier?
        var timeline: TimelineID?
        var timelineStart: LSN?
        var flushed: LSN?
        var members: [MemberName: Member] = [:]
        var electorate: [MemberName] = []
        var synchronous: SynchronousState?
        var remote: RemoteCluster?
        var demotion: DemotionToken?
        var intent: Intent = Intent()
        var jobs: JobBook?
        var lastTransition: Transition?

        init(cluster: String, durationMilliseconds: Int64) {
            self.cluster = cluster
            self.durationMilliseconds = durationMilliseconds
        }
    }
}

/// A member's entry in the record: how others reach it.
package struct Member: Hashable, Sendable, Codable {
    package var name: MemberName
    package var incarnation: Incarnation
    /// `http://host:port` of its management interface.
    package var api: String
    /// Address of its own postgres: replicas connect to the primary's own address, never through a service.
    package var postgresHost: String
    package var postgresPort: Int
    package var traits: MemberTraits

    package init(
        name: MemberName, incarnation: Incarnation, api: String, postgresHost: String, postgresPort: Int,
        traits: MemberTraits = MemberTraits()
    ) {
        self.name = name
        self.incarnation = incarnation
        self.api = api
        self.postgresHost = postgresHost
        self.postgresPort = postgresPort
        self.traits = traits
    }
}

/// What a member's own configuration says of its part in the cluster.
package struct MemberTraits: Hashable, Sendable, Codable {
    /// Among members with the same WAL the higher one is preferred.
    package var failoverPriority: Int
    /// Never becomes primary by itself.
    package var noFailover: Bool
    /// Gets no readers: `/replica` says 503.
    package var noLoadBalance: Bool
    /// Never counted among those that acknowledge commits.
    package var noSync: Bool
    package var zone: String?
    /// Streams from this member while that one is fit, else from the primary.
    package var replicateFrom: MemberName?
    /// `recovery_min_apply_delay` in milliseconds; such a member neither stands nor counts as synchronous.
    package var applyDelayMilliseconds: Int64?

    package init(
        failoverPriority: Int = 1, noFailover: Bool = false, noLoadBalance: Bool = false, noSync: Bool = false,
        zone: String? = nil, replicateFrom: MemberName? = nil, applyDelayMilliseconds: Int64? = nil
    ) {
        self.failoverPriority = failoverPriority
        self.noFailover = noFailover
        self.noLoadBalance = noLoadBalance
        self.noSync = noSync
        self.zone = zone
        self.replicateFrom = replicateFrom
        self.applyDelayMilliseconds = applyDelayMilliseconds
    }

    /// Whether it may become primary without being named by a person.
    package var mayStand: Bool { !noFailover && applyDelayMilliseconds == nil }
    /// Whether it may be counted among those that acknowledge commits.
    package var mayBeSynchronous: Bool { !noSync && mayStand }
}

/// One change of who leads, or an attempt at one.
package struct Transition: Hashable, Sendable, Codable {
    package enum Kind: String, Sendable, Codable, CaseIterable {
        case bootstrap, failover, switchover
        /// A crashed primary that came back on its own timeline.
        case crashRestart
        /// A primary that stopped itself because it could not renew its lease.
        case fence
        /// All members were restarted, one after the other.
        case restart
        /// A member was made anew from another, as asked.
        case reclone
        /// The cluster stopped leading itself and follows another one, or the reverse.
        case demotion, promotion
    }

    package var id: String
    package var kind: Kind
    package var from: MemberName?
    package var to: MemberName?
    package var term: UInt64
    package var succeeded: Bool
    /// Why, in one sentence.
    package var reason: String

    package init(
        id: String, kind: Kind, from: MemberName?, to: MemberName?, term: UInt64, succeeded: Bool, reason: String
    ) {
        self.id = id
        self.kind = kind
        self.from = from
        self.to = to
        self.term = term
        self.succeeded = succeeded
        self.reason = reason
    }
}
