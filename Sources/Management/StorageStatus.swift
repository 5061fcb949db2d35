/// The disk of the data directory.
package struct StorageStatus: Hashable, Sendable {
    package var freeBytes: UInt64
    package var sizeBytes: UInt64
    /// Kept back now: less than configured once it was needed.
    package var ballastBytes: UInt64
    /// Sets of WAL that nobody had received, kept when this member rejoined.
    package var divergedWALSets: Int
    package var isFull: Bool
    /// A write has not come back.
    package var isHung: Bool

    package init(
        freeBytes: UInt64, sizeBytes: UInt64, ballastBytes: UInt64 = 0, divergedWALSets: Int = 0, isFull: Bool = false,
        isHung: Bool = false
    ) {
        self.freeBytes = freeBytes
        self.sizeBytes = sizeBytes
        self.ballastBytes = ballastBytes
        self.divergedWALSets = divergedWALSets
        self.isFull = isFull
        self.isHung = isHung
    }
}
