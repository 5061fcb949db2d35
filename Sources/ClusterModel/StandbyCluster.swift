/// Another cluster that this whole cluster follows: the holder of the lease stays in recovery and receives WAL from there,
/// from its archive, or from both; the other members stream from the holder.
package struct RemoteCluster: Hashable, Sendable, Codable {
    /// Where its members are reached, a list with commas, each `host` or `host:port`. nil: as each member's own
    /// configuration says (`standbyCluster`), which may name hosts, an archive, or both.
    package var host: String?
    /// Of hosts that name none.
    package var port: Int
    /// A physical slot over there, which must exist; nil: as configured.
    package var slot: String?

    package init(host: String? = nil, port: Int = 5432, slot: String? = nil) {
        self.host = host
        self.port = port
        self.slot = slot
    }
}

/// Where a cluster stopped writing when it was demoted. Whoever has replayed up to it has everything that was ever
/// committed there, so a cluster that is promoted with it loses nothing; whoever has more knows that somebody has been
/// writing since, and that the token is no longer good.
/// Text and JSON form: `system identifier:timeline:LSN`, like `7234567890123456789:3:0/60000A0`.
package struct DemotionToken: Hashable, Sendable, Codable, CustomStringConvertible {
    package var systemIdentifier: SystemIdentifier
    package var timeline: TimelineID
    /// Just behind the shutdown checkpoint, the last record that was written.
    package var end: LSN

    package init(systemIdentifier: SystemIdentifier, timeline: TimelineID, end: LSN) {
        self.systemIdentifier = systemIdentifier
        self.timeline = timeline
        self.end = end
    }

    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, let system = SystemIdentifier(parts[0]), let timeline = UInt32(parts[1]), timeline > 0,
            let end = LSN(parts[2]), end > .zero
        else { return nil }
        self.init(systemIdentifier: system, timeline: TimelineID(timeline), end: end)
    }

    package var description: String { "\(systemIdentifier):\(timeline):\(end)" }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let value = DemotionToken(text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "'\(text)' is not system identifier:timeline:LSN")
        }
        self = value
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// The primary is to stop cleanly, and the cluster to follow another one from then on.
package struct DemotionRequest: Hashable, Sendable, Codable {
    package var id: String
    package var remote: RemoteCluster
    /// Bound of the stop in milliseconds, counted by the holder from when it first saw the request.
    package var deadlineMilliseconds: Int64

    package init(id: String, remote: RemoteCluster, deadlineMilliseconds: Int64) {
        self.id = id
        self.remote = remote
        self.deadlineMilliseconds = deadlineMilliseconds
    }
}

/// A cluster that follows another is to lead itself again.
package struct PromotionRequest: Hashable, Sendable, Codable {
    package var id: String
    /// What the other cluster's demotion left; awaited. nil: asked for without it, whatever is lost.
    package var token: DemotionToken?
    /// How long the token's WAL is waited for, in milliseconds, counted by the holder from when it first saw the request.
    package var deadlineMilliseconds: Int64

    package init(id: String, token: DemotionToken?, deadlineMilliseconds: Int64) {
        self.id = id
        self.token = token
        self.deadlineMilliseconds = deadlineMilliseconds
    }
}

extension MemberName {
    /// Stands for the other cluster wherever a member's name is wanted: as upstream, as source of a copy or a rewind.
    /// No member has it, for their names have no `@`.
    package static let remote = MemberName("@remote")
}

/// What this member's configuration says of another cluster to follow.
package struct StandbySource: Hashable, Sendable {
    /// A new cluster begins by following; for one that exists the record says whether it does.
    package var followsFirst: Bool
    /// Hosts to stream from are named.
    package var streams: Bool
    /// An archive to replay from is named.
    package var restores: Bool

    package init(followsFirst: Bool, streams: Bool, restores: Bool) {
        self.followsFirst = followsFirst
        self.streams = streams
        self.restores = restores
    }
}
