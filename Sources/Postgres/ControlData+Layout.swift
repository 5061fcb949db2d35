import ClusterModel

/// `ControlFileData` of src/include/catalog/pg_control.h. Offsets are those of a machine that aligns 64-bit values to
/// 8 bytes (all that PostgreSQL packages exist for), and are the same from 15 to 18 up to the checksum version;
/// 18 has one field more between that and the CRC.
extension ControlData {
    package static func parse(_ bytes: [UInt8]) throws(ControlDataError) -> ControlData {
        guard bytes.count >= 296 else { throw .truncated(bytes.count) }
        let version: UInt32 = load(bytes, 8)
        let crcOffset: Int
        switch version {
        case 1300, 1700: crcOffset = 288
        case 1800: crcOffset = 292
        default: throw .unknownVersion(version)
        }
        guard CRC32C.checksum(bytes[0..<crcOffset]) == load(bytes, crcOffset) as UInt32 else { throw .checksumMismatch }
        guard let state = ClusterState(rawValue: load(bytes, 16)) else { throw .invalid("state") }
        let segmentSize: UInt32 = load(bytes, 228)
        guard (1 << 20...1 << 30).contains(segmentSize), segmentSize.nonzeroBitCount == 1 else {
            throw .invalid("WAL segment size")
        }
        let minRecoveryTimeline: UInt32 = load(bytes, 144)
        return ControlData(
            systemIdentifier: SystemIdentifier(rawValue: load(bytes, 0)),
            version: version,
            catalogVersion: load(bytes, 12),
            state: state,
            lastModified: load(bytes, 24),
            checkpoint: LSN(rawValue: load(bytes, 32)),
            redo: LSN(rawValue: load(bytes, 40)),
            checkpointTimeline: TimelineID(load(bytes, 48)),
            previousTimeline: TimelineID(load(bytes, 52)),
            minRecoveryPoint: LSN(rawValue: load(bytes, 136)),
            minRecoveryTimeline: minRecoveryTimeline == 0 ? nil : TimelineID(minRecoveryTimeline),
            backupStart: LSN(rawValue: load(bytes, 152)),
            backupEnd: LSN(rawValue: load(bytes, 160)),
            settings: RecoverySettings(
                maxConnections: load(bytes, 180), maxWorkerProcesses: load(bytes, 184),
                maxWALSenders: load(bytes, 188), maxPreparedTransactions: load(bytes, 192),
                maxLocksPerTransaction: load(bytes, 196)),
            walLogHints: bytes[176] != 0,
            blockSize: load(bytes, 216),
            walSegmentSize: UInt64(segmentSize),
            dataChecksums: load(bytes, 252) as UInt32 != 0)
    }

    /// A value in the machine's own byte order.
    private static func load<Value: FixedWidthInteger>(_ bytes: [UInt8], _ offset: Int) -> Value {
        var value: Value = 0
        for index in (0..<MemoryLayout<Value>.size).reversed() {
            value = value << 8 | Value(truncatingIfNeeded: bytes[offset + index])
        }
        return Value(littleEndian: value)
    }
}
