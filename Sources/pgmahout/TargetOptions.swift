import Archive
import ArgumentParser
import ClusterModel

/// How far a restore goes.
struct TargetOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Up to and with this moment: 2026-01-02T03:04:05Z, '2026-01-02 03:04:05+02' or '2026-01-02 03:04:05 "
                + "Europe/Berlin'. Default: as far as the archive reaches.", valueName: "time"),
        transform: { text in
            do throws(RestoreError) { return try ZonedTime.parse(text) } catch {
                throw ValidationError(error.description)
            }
        })
    var toTime: Timestamp?

    @Option(help: ArgumentHelp("Up to and with this transaction.", valueName: "xid"))
    var toXid: UInt64?

    @Option(
        help: ArgumentHelp("Up to and with this position, such as 0/3000028.", valueName: "lsn"),
        transform: { text in
            guard let position = LSN(text) else {
                throw ValidationError("'\(text)' is no position in the WAL, such as 0/3000028")
            }
            return position
        })
    var toLsn: LSN?

    @Option(help: ArgumentHelp("Up to this restore point of pg_create_restore_point.", valueName: "name"))
    var toName: String?

    @Flag(help: "Only as far as the backup needs to be consistent.")
    var toImmediate = false

    @Flag(help: "Without what is exactly at the time, transaction or position.")
    var exclusive = false

    @Option(
        help: ArgumentHelp(
            "Along the ancestry of this timeline: a number, 'latest', or 'current' for that of the backup.",
            valueName: "timeline"),
        transform: { text in
            switch text {
            case "latest": return .latest
            case "current": return .current
            default:
                guard let number = UInt32(text), number > 0 else {
                    throw ValidationError("'\(text)' is no timeline: a number, 'latest' or 'current'")
                }
                return .number(TimelineID(number))
            }
        })
    var timeline: RecoveryTarget.TargetTimeline = .latest

    @Option(
        help: ArgumentHelp("A certain backup, by id or name; default: the newest that can reach it.", valueName: "id"))
    var backup: String?

    func validate() throws {
        let given = [toTime != nil, toXid != nil, toLsn != nil, toName != nil, toImmediate].count { $0 }
        guard given <= 1 else {
            throw ValidationError("--to-time, --to-xid, --to-lsn, --to-name and --to-immediate exclude each other")
        }
        if exclusive, toTime == nil, toXid == nil, toLsn == nil {
            throw ValidationError("--exclusive goes with --to-time, --to-xid or --to-lsn")
        }
        if let toName, toName.isEmpty || toName.utf8.count > 63 {
            throw ValidationError("--to-name takes 1 to 63 bytes")
        }
    }

    var target: RecoveryTarget {
        let point: RecoveryTarget.Point =
            if let toTime {
                .time(toTime)
            } else if let toXid {
                .transaction(toXid)
            } else if let toLsn {
                .position(toLsn)
            } else if let toName {
                .name(toName)
            } else if toImmediate {
                .immediate
            } else {
                .latest
            }
        return RecoveryTarget(point, timeline: timeline, isInclusive: !exclusive)
    }
}
