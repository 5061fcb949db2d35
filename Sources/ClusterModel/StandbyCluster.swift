/// Another cluster that this whole cluster follows: the holder of the lease stays in recovery and receives WAL from there,
/// or only from its archive; the other members stream from the holder.
package struct RemoteCluster: Hashable, Sendable, Codable {
    /// Where its primary is reached, as a service or a list with commas is for libpq; nil: nothing is streamed, and
    /// everything comes from the archive that each member's own configuration names.
    package var host: String?
    package var port: Int
    /// A physical slot over there, which must exist.
    package var slot: String?

    package init(host: String?, port: Int = 5432, slot: String? = nil) {
        self.host = host
        self.port = port
        self.slot = slot
    }
}

/// Where a cluster stopped writing when it was demoted. Whoever has replayed beyond it has everything that was ever
/// committed there, so a cluster that is promoted with it loses nothing.
/// Text and JSON form: `system identifier:timeline:LSN`, like `7234567890123456789:3:0/6000028`.
package struct DemotionToken: Hashable, Sendable, Codable, CustomStringConvertible {
    package var systemIdentifier: SystemIdentifier
    package var timeline: TimelineID
    /// Start of the shutdown checkpoint, the last record that was written.
    package var checkpoint: LSN

    package init(systemIdentifier: SystemIdentifier, timeline: TimelineID, checkpoint: LSN) {
        self.systemIdentifier = systemIdentifier
        self.timeline = timeline
        self.checkpoint = checkpoint
    }

    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, let system = SystemIdentifier(parts[0]), let timeline = UInt32(parts[1]), timeline > 0,
            let checkpoint = LSN(parts[2]), checkpoint > .zero
        else { return nil }
        self.init(systemIdentifier: system, timeline: TimelineID(timeline), checkpoint: checkpoint)
    }

    package var description: String { "\(systemIdentifier):\(timeline):\(checkpoint)" }

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

    package init(id: String, token: DemotionToken?) {
        self.id = id
        self.token = token
    }
}
