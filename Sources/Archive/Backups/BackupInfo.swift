import ClusterModel

/// One base backup, as its `backup.info` describes it.
///
/// The file has Barman's keys of version 3.4 and no others: an unknown key makes older readers refuse the whole
/// archive. It is written last, and is the commit point of a backup.
package struct BackupInfo: Hashable, Sendable {
    package enum Status: String, Sendable, CaseIterable {
        case empty = "EMPTY"
        case started = "STARTED"
        case failed = "FAILED"
        case waitingForWAL = "WAITING_FOR_WALS"
        case done = "DONE"
        case syncing = "SYNCING"
    }

    package struct Tablespace: Hashable, Sendable {
        package let name: String
        package let oid: UInt32
        package let location: String

        package init(name: String, oid: UInt32, location: String) {
            self.name = name
            self.oid = oid
            self.location = location
        }
    }

    /// `YYYYMMDDTHHMMSS` in UTC; ids are ordered as text.
    package let id: String
    package var status: Status
    package var name: String?
    /// The content of the file `backup_label`.
    package var label: String?
    package var beginTime: Timestamp?
    /// The earliest time that this backup can be recovered to; nil unless the backup is complete.
    package var endTime: Timestamp?
    package var beginLSN: LSN?
    package var endLSN: LSN?
    package var timeline: TimelineID?
    package var systemIdentifier: SystemIdentifier?
    /// `server_version_num`, such as 150018.
    package var serverVersion: Int?
    /// Bytes of a WAL segment.
    package var segmentSize: UInt64
    /// Where the backup was taken from.
    package var dataDirectory: String?
    package var configFile: String?
    package var hbaFile: String?
    package var identFile: String?
    package var tablespaces: [Tablespace]
    /// Bytes of the files in the backup, uncompressed.
    package var size: UInt64?
    package var error: String?
    /// Pages whose checksums were wrong and that were backed up all the same, in words.
    package var corruptPages: [String]
    /// Keys that mean nothing to us, as they were read: for writing a file back.
    var others: [String: String]

    package init(id: String, status: Status) {
        self.id = id
        self.status = status
        name = nil
        label = nil
        beginTime = nil
        endTime = nil
        beginLSN = nil
        endLSN = nil
        timeline = nil
        systemIdentifier = nil
        serverVersion = nil
        segmentSize = WALSegment.defaultSize
        dataDirectory = nil
        configFile = nil
        hbaFile = nil
        identFile = nil
        tablespaces = []
        size = nil
        error = nil
        corruptPages = []
        others = [:]
    }

    /// Whether it can be restored from. A file without an end is not, whatever its status says.
    package var isComplete: Bool { status == .done && endTime != nil && beginLSN != nil && endLSN != nil }

    package var majorVersion: Int? { serverVersion.map { $0 >= 100_000 ? $0 / 10_000 : $0 / 100 } }

    /// The segment that recovery starts with.
    package var beginWAL: WALSegment? {
        guard let timeline, let beginLSN else { return nil }
        return WALSegment(timeline: timeline, containing: beginLSN, size: segmentSize)
    }

    /// The last segment that a restore cannot do without: the one that holds the last byte before `endLSN`, because a
    /// backup that ends where a segment ends needs nothing of the next.
    package var endWAL: WALSegment? {
        guard let timeline, let endLSN else { return nil }
        let last = LSN(rawValue: endLSN.rawValue == 0 ? 0 : endLSN.rawValue - 1)
        return WALSegment(timeline: timeline, containing: last, size: segmentSize)
    }

    /// Whether `text` has the form of an id.
    package static func isID(_ text: some StringProtocol) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count == 15, bytes[8] == UInt8(ascii: "T") else { return false }
        return bytes.enumerated().allSatisfy { index, byte in
            index == 8 || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
    }
}
