/// How far a restore goes.
package enum RecoveryTarget: Hashable, Sendable, CustomStringConvertible {
    /// To the end of the archived WAL.
    case latest
    /// To the last transaction that was committed at or before a time.
    case time(Timestamp)

    package var description: String {
        switch self {
        case .latest: "latest"
        case .time(let time): time.iso8601
        }
    }
}

/// Why a restore is refused or failed, in one sentence.
package struct RestoreError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
