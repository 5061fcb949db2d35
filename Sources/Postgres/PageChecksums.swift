import CPages
import ClusterModel

/// The checksums that a cluster with `data_checksums` has in every page of its relations.
package struct PageChecksums: Hashable, Sendable {
    /// Bytes; other sizes are not checked.
    package static let pageSize = Int(PGM_PAGE_SIZE)

    /// Pages that were changed later are not judged: they may be torn, and replay writes them anew.
    package let start: LSN
    /// Pages of one file of a relation, but for its last (`segment_size`).
    package let blocksPerFile: UInt32

    package init(start: LSN, blocksPerFile: UInt32 = 131_072) {
        self.start = start
        self.blocksPerFile = blocksPerFile
    }

    /// The first page whose checksum is wrong; nil when there is none.
    /// - Parameters:
    ///   - pages: whole pages; what is left at the end is not looked at.
    ///   - first: where to begin.
    ///   - block: number of the first one of `pages` in its relation.
    package func firstWrong(in pages: UnsafeRawBufferPointer, from first: Int = 0, block: UInt32) -> Int? {
        let count = pages.count / Self.pageSize
        let found = pgm_pages_check(
            pages.bindMemory(to: UInt8.self).baseAddress, first, count, block, start.rawValue)
        return found < count ? found : nil
    }

    /// The number of a relation's file, 0 for the one without; nil when a file of that name is none.
    /// - Parameter name: `16384`, `16384.1`, `16384_vm`, `16384_init.2`.
    package static func fileNumber(ofRelation name: some StringProtocol) -> UInt32? {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let stem = parts.first else { return nil }
        let fields = stem.split(separator: "_", omittingEmptySubsequences: false)
        guard fields.count <= 2, let number = fields.first, isNumber(number) else { return nil }
        if fields.count == 2, !["vm", "fsm", "init"].contains(String(fields[1])) { return nil }
        if parts.count == 1 { return 0 }
        return isNumber(parts[1]) ? UInt32(parts[1]) : nil
    }

    private static func isNumber(_ text: some StringProtocol) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
}
