import ClusterModel
import Glibc
import Platform

/// What `global/pg_control` says of a data directory, read without starting anything.
package struct ControlData: Hashable, Sendable {
    /// PostgreSQL's `DBState`.
    package enum ClusterState: UInt32, Sendable, CaseIterable, CustomStringConvertible {
        case startingUp = 0
        case shutDown, shutDownInRecovery, shuttingDown, inCrashRecovery, inArchiveRecovery, inProduction

        /// As `pg_controldata` prints it.
        package var description: String {
            switch self {
            case .startingUp: "starting up"
            case .shutDown: "shut down"
            case .shutDownInRecovery: "shut down in recovery"
            case .shuttingDown: "shutting down"
            case .inCrashRecovery: "in crash recovery"
            case .inArchiveRecovery: "in archive recovery"
            case .inProduction: "in production"
            }
        }
    }

    package var systemIdentifier: SystemIdentifier
    /// Format of pg_control: 1300 for PostgreSQL 13 to 16, then major version times 100.
    package var version: UInt32
    package var catalogVersion: UInt32
    package var state: ClusterState
    /// Seconds since 1970 by the server's wall clock.
    package var lastModified: Int64
    /// Start of the last checkpoint record; of the shutdown checkpoint after a clean stop of a primary.
    package var checkpoint: LSN
    package var redo: LSN
    package var checkpointTimeline: TimelineID
    package var previousTimeline: TimelineID
    /// How far a standby must replay to be consistent; zero for a primary.
    package var minRecoveryPoint: LSN
    /// nil for a primary.
    package var minRecoveryTimeline: TimelineID?
    /// Not zero: a base backup whose end has not been replayed yet.
    package var backupStart: LSN
    package var backupEnd: LSN
    package var settings: RecoverySettings
    package var walLogHints: Bool
    /// Bytes.
    package var blockSize: UInt32
    /// Bytes.
    package var walSegmentSize: UInt64
    package var dataChecksums: Bool

    /// Settings of the primary that a standby's may not be below, or it does not start.
    package struct RecoverySettings: Hashable, Sendable {
        package var maxConnections: Int32
        package var maxWorkerProcesses: Int32
        package var maxWALSenders: Int32
        package var maxPreparedTransactions: Int32
        package var maxLocksPerTransaction: Int32
    }

    /// The newest timeline that the data is known to be on.
    package var timeline: TimelineID { max(checkpointTimeline, minRecoveryTimeline ?? checkpointTimeline) }

    /// Whether it was stopped in an orderly way, as a primary or as a standby.
    package var isCleanlyShutDown: Bool { state == .shutDown || state == .shutDownInRecovery }

    /// Whether it last ran out of recovery. False once it has begun to replay another server's WAL, and for a fresh
    /// base backup only together with `DataDirectory.hasBackupLabel`.
    package var wasPrimary: Bool {
        switch state {
        case .shutDown, .shuttingDown, .inCrashRecovery, .inProduction: true
        case .startingUp, .shutDownInRecovery, .inArchiveRecovery: false
        }
    }

    /// Reads and checks `global/pg_control`.
    package static func read(dataDirectory: String) throws(ControlDataError) -> ControlData {
        let path = dataDirectory + "/global/pg_control"
        do {
            return try parse(try contents(path))
        } catch .checksumMismatch {
            // The server rewrites it in place: what was torn by that is whole a moment later.
            usleep(10_000)
            return try parse(try contents(path))
        } catch {
            throw error
        }
    }

    private static func contents(_ path: String) throws(ControlDataError) -> [UInt8] {
        do {
            return try Files.read(path, limit: 64 << 10)
        } catch {
            throw .unreadable(error)
        }
    }
}

package enum ControlDataError: Error, Hashable, Sendable, CustomStringConvertible {
    case unreadable(SystemError)
    /// Bytes found.
    case truncated(Int)
    case unknownVersion(UInt32)
    case checksumMismatch
    case invalid(String)

    package var description: String {
        switch self {
        case .unreadable(let error): error.description
        case .truncated(let count): "pg_control has only \(count) bytes"
        case .unknownVersion(let version): "pg_control has version \(version): not of PostgreSQL 15 to 18"
        case .checksumMismatch: "the checksum of pg_control is wrong: the file is damaged"
        case .invalid(let what): "pg_control has an impossible \(what)"
        }
    }
}
