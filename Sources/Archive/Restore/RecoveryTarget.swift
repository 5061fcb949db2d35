import ClusterModel

/// How far a restore goes, and along which timeline.
package struct RecoveryTarget: Hashable, Sendable, CustomStringConvertible {
    package enum Point: Hashable, Sendable {
        /// To the end of the archived WAL.
        case latest
        /// To the last transaction that was committed at or before a time.
        case time(Timestamp)
        /// To a transaction, in the order of commits.
        case transaction(UInt64)
        case position(LSN)
        /// To a restore point of `pg_create_restore_point`.
        case name(String)
        /// To where the backup is consistent, and no further.
        case immediate
    }

    package enum TargetTimeline: Hashable, Sendable {
        /// The newest one that the archive has.
        case latest
        /// That of the backup.
        case current
        case number(TimelineID)
    }

    package var point: Point
    package var timeline: TargetTimeline
    /// Whether what is exactly at the point comes along.
    package var isInclusive: Bool

    package init(_ point: Point, timeline: TargetTimeline = .latest, isInclusive: Bool = true) {
        self.point = point
        self.timeline = timeline
        self.isInclusive = isInclusive
    }

    package static let latest = RecoveryTarget(.latest)
    package static let immediate = RecoveryTarget(.immediate)
    package static func time(_ time: Timestamp) -> RecoveryTarget { RecoveryTarget(.time(time)) }

    package var description: String {
        let before = isInclusive ? "" : "before "
        return switch point {
        case .latest: "latest"
        case .time(let time): before + time.iso8601
        case .transaction(let number): "\(before)transaction \(number)"
        case .position(let position): "\(before)\(position)"
        case .name(let name): "restore point '\(name)'"
        case .immediate: "immediate"
        }
    }

    /// For the server; `recovery_target_timeline` is not among them, because the plan resolves it.
    var settings: [(name: String, value: String)] {
        let inclusive = ("recovery_target_inclusive", isInclusive ? "on" : "off")
        switch point {
        case .latest: return []
        case .time(let time): return [("recovery_target_time", time.description), inclusive]
        case .transaction(let number): return [("recovery_target_xid", String(number)), inclusive]
        case .position(let position): return [("recovery_target_lsn", position.description), inclusive]
        case .name(let name): return [("recovery_target_name", name)]
        case .immediate: return [("recovery_target", "immediate")]
        }
    }
}

/// Why a restore is refused or failed, in one sentence.
package struct RestoreError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: Hashable, Sendable {
        /// The target, the backup or the archive's content do not allow it.
        case refused
        /// The archive does not answer: later it may work.
        case unavailable
        /// Something is where the data would go; it was left as it is.
        case occupied
    }

    package let kind: Kind
    package let description: String

    package init(_ kind: Kind = .refused, _ description: String) {
        self.kind = kind
        self.description = description
    }

    package init(_ description: String) { self.init(.refused, description) }
}
