import ClusterModel
import Schedules

/// What is done for the archive by itself, and when.
extension PgmahoutConfiguration.Archive {
    /// Which member carries a job out.
    package enum Place: String, Hashable, Sendable, CaseIterable {
        /// The best standby, else the primary.
        case preferStandby = "prefer-standby"
        case standby, primary
    }

    package struct Jobs: Hashable, Sendable {
        /// That schedules are meant in.
        package var timeZone = ZoneRules.utc
        /// When retention is applied beside after each backup; nil: only then.
        package var retentionSchedule: CronSchedule?
        /// How often a job is tried before it waits for its next time.
        package var attempts = 0
        /// A member that is silent for so long has lost its job.
        package var patience = Duration.zero
        /// How often what is in the archive is counted for metrics.
        package var inspectEvery = Duration.zero
        init() {}
    }

    package struct Backup: Hashable, Sendable {
        package var schedule: CronSchedule?
        /// Once at once while the archive has no backup.
        package var immediate = false
        package var from = Place.preferStandby
        /// Bytes read a second; 0: no limit.
        package var rate: UInt64 = 0
        init() {}
    }

    package struct Dump: Hashable, Sendable {
        package var schedule: CronSchedule?
        /// Successful dumps that are kept.
        package var keep = 0
        /// Empty: all.
        package var databases: [String] = []
        package var from = Place.preferStandby
        init() {}
    }

    package struct Drill: Hashable, Sendable {
        package var schedule: CronSchedule?
        package var afterEachBackup = false
        package var from = Place.standby
        /// Must be there; also where the queries run.
        package var database: String?
        /// Must be there.
        package var role: String?
        /// Each must end without an error, and its first value must not be false.
        package var queries: [String] = []
        init() {}
    }

    package struct Verify: Hashable, Sendable {
        package var schedule: CronSchedule?
        package var from = Place.preferStandby
        /// Bytes read a second, as stored; 0: no limit.
        package var rate: UInt64 = 0
        init() {}
    }
}
