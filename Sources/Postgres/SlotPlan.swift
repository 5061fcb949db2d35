import ClusterModel

/// Physical slots for every member on every member, so that whoever is promoted still has the WAL that the others need.
package struct SlotPlan: Hashable, Sendable {
    package struct Advance: Hashable, Sendable {
        package var slot: String
        package var to: LSN
    }

    package var create: [String] = []
    /// Before creating: a lost slot is in both.
    package var drop: [String] = []
    package var advance: [Advance] = []

    package var isEmpty: Bool { create.isEmpty && drop.isEmpty && advance.isEmpty }

    /// - Parameters:
    ///   - report: of this member's server.
    ///   - member: this member.
    ///   - members: all of the record.
    ///   - positions: how far each member has received, as it last said. A standby keeps all WAL for members it does
    ///     not hear of, as the primary does for those that are away.
    ///   - permanent: names of physical slots for others than members, which every member shall have.
    ///   - permanentPositions: where those stand on the primary (`Slots.positions`). A standby moves its own there; those
    ///     that it does not know of it moves to where the last of the members is.
    package init(
        report: LocalReport, member: MemberName, members: some Sequence<MemberName>, positions: [MemberName: LSN],
        permanent: [String] = [], permanentPositions: [String: LSN] = [:]
    ) {
        let others = members.filter { $0 != member }
        let wanted = Set(others.map { SlotName.of($0) } + permanent)
        let existing = report.slots.filter { $0.isPhysical && SlotName.isOurs($0.name) }
        let lost = Set(existing.filter { $0.isLost && !$0.isActive }.map(\.name))
        drop = existing.filter { !$0.isActive && (!wanted.contains($0.name) || $0.isLost) }.map(\.name).sorted()
        let kept = Set(report.slots.map(\.name)).subtracting(lost)
        create = wanted.subtracting(kept).sorted()
        // Whoever streams from here moves its slot by itself; on a primary that leaves those that stream from a standby.
        for other in others.sorted() {
            guard let position = positions[other],
                let slot = existing.first(where: { $0.name == SlotName.of(other) }),
                !slot.isActive, !slot.isLost, let restart = slot.restart
            else { continue }
            // No server can move a slot past what it has replayed itself.
            let target = min(position, report.replayed)
            if target > restart { advance.append(Advance(slot: slot.name, to: target)) }
        }
        // Those of a primary are moved by whoever uses them.
        guard report.inRecovery else { return }
        let last = others.allSatisfy { positions[$0] != nil } ? others.compactMap { positions[$0] }.min() : nil
        for name in Set(permanent).sorted() {
            guard let position = permanentPositions[name] ?? last,
                let slot = report.slots.first(where: { $0.name == name && $0.isPhysical }),
                !slot.isActive, !slot.isLost, let restart = slot.restart
            else { continue }
            let target = min(position, report.replayed)
            if target > restart { advance.append(Advance(slot: name, to: target)) }
        }
    }
}

/// Names of our slots.
package enum SlotName {
    static let prefix = "pgmahout_"
    /// `NAMEDATALEN` - 1
    static let longest = 63

    /// Slots have lower-case letters, digits and underscores: `pg-1` has `pgmahout_pg_1`. A name that would lose more
    /// than dashes, or is too long, ends in a checksum, so that no two members share a slot.
    package static func of(_ member: MemberName) -> String {
        var text = ""
        var isExact = true
        for byte in member.rawValue.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                text.unicodeScalars.append(Unicode.Scalar(byte))
            case UInt8(ascii: "-"): text += "_"
            default:
                text += "_"
                isExact = false
            }
        }
        if isExact, prefix.utf8.count + text.utf8.count <= longest { return prefix + text }
        let digits = String(CRC32C.checksum(member.rawValue.utf8), radix: 16)
        let suffix = "_" + String(repeating: "0", count: 8 - digits.count) + digits
        return prefix + String(text.prefix(longest - prefix.utf8.count - suffix.utf8.count)) + suffix
    }

    package static func isOurs(_ name: String) -> Bool { name.hasPrefix(prefix) }
}
