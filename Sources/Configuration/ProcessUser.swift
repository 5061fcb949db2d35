import Glibc

/// Who we run as.
package enum ProcessUser {
    /// Effective user ID.
    package static var current: UInt32 { geteuid() }

    /// Why a server may not be run as this user; nil when it may.
    package static func refusal(of user: UInt32 = current) -> String? {
        user == 0
            ? "running as root is refused, as PostgreSQL refuses it; run as the user that owns the data directory" : nil
    }
}
