/// How the files of a base backup are spread over parts: as many of each content as are written at a time, of about the
/// same size.
struct BackupPlan: Sendable {
    struct Part: Sendable {
        let name: BackupPartName
        /// What paths are relative to.
        let root: String
        let directories: [BackupFileList.Item]
        let files: [BackupFileList.Item]
    }

    /// Those of tablespaces first; the data directory's part 0, which is closed after all others, last.
    let parts: [Part]
    /// Uncompressed bytes of all files, as far as is known beforehand.
    let totalBytes: UInt64

    /// Below this, one part is enough.
    private static let smallest: UInt64 = 8 << 20
    /// Bytes of files: a store takes 156 GiB at parts of 16 MiB, and smaller ones are restored more evenly.
    private static let largest: UInt64 = 32 << 30

    init(_ lists: [BackupFileList], parallel: Int, largest: UInt64 = Self.largest) {
        totalBytes = lists.reduce(0) { $0 + $1.totalBytes }
        parts = lists.sorted { $0.content > $1.content }.flatMap { Self.spread($0, parallel, largest: largest) }
    }

    private static func spread(_ list: BackupFileList, _ parallel: Int, largest: UInt64) -> [Part] {
        let bytes = list.totalBytes
        let count = bytes < smallest ? 1 : max(UInt64(parallel), (bytes + largest - 1) / largest)
        var files = [[BackupFileList.Item]](repeating: [], count: Int(clamping: count))
        var sizes = [UInt64](repeating: 0, count: files.count)
        // Largest first, each to where the least is: nothing simple comes closer to even.
        for file in list.files {
            guard let place = sizes.indices.min(by: { sizes[$0] < sizes[$1] }) else { continue }
            files[place].append(file)
            // A small file costs something as well.
            sizes[place] += file.size + 4096
        }
        return files.enumerated().filter { $0.offset == 0 || !$0.element.isEmpty }.reversed().map { number, files in
            Part(
                name: BackupPartName(list.content, number: number), root: list.root,
                directories: number == 0 ? list.directories : [], files: files)
        }
    }
}
