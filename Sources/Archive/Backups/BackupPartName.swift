import ObjectStorage

/// Which tar of a base backup an object is: `data.tar.gz`, `data_0001.tar.gz`, `16384.tar.gz`, `16384_0001.tar.gz`.
///
/// All parts of one content are complete archives by themselves, unpacked over each other in any order.
package struct BackupPartName: Hashable, Comparable, Sendable, CustomStringConvertible {
    package enum Content: Hashable, Comparable, Sendable {
        case data
        /// By oid: what its directory holds.
        case tablespace(UInt32)
    }

    package let content: Content
    /// 0 for the one without a number, which holds the directories.
    package let number: Int

    package init(_ content: Content, number: Int) {
        self.content = content
        self.number = number
    }

    /// The object's name without `.tar` and what follows.
    package var description: String {
        let stem =
            switch content {
            case .data: "data"
            case .tablespace(let oid): String(oid)
            }
        if number == 0 { return stem }
        let digits = String(number)
        return stem + "_" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }

    /// - Parameter name: of an object, without its folders.
    /// - Returns: nil when it is no part. `suffix` is the codec's, such as `.gz`.
    package static func parse(_ name: String) -> (part: BackupPartName, suffix: String)? {
        let stem = name.prefix { $0 != "." }
        let rest = name.dropFirst(stem.count)
        guard rest.hasPrefix(".tar") else { return nil }
        let fields = stem.split(separator: "_", omittingEmptySubsequences: false)
        guard fields.count <= 2, let first = fields.first else { return nil }
        var number = 0
        if fields.count == 2 {
            guard fields[1].utf8.count >= 4, let value = Int(fields[1]), value > 0 else { return nil }
            number = value
        }
        let content: Content
        if first == "data" {
            content = .data
        } else if let oid = UInt32(first), String(oid) == first {
            content = .tablespace(oid)
        } else {
            return nil
        }
        return (BackupPartName(content, number: number), String(rest.dropFirst(4)))
    }

    package static func < (left: BackupPartName, right: BackupPartName) -> Bool {
        (left.content, left.number) < (right.content, right.number)
    }
}

extension ArchiveLayout {
    /// - Parameter suffix: of the codec, such as `.gz`.
    package func part(_ part: BackupPartName, of id: String, suffix: String) -> ObjectKey {
        backup(id) / "\(part).tar\(suffix)"
    }

    /// What only we need of backups, beside them: Barman never looks here, nor does it delete it.
    package var backupExtras: String { server + "/pgmahout/base/" }

    /// What only we need of one backup, with a `/` at the end.
    package func extras(of id: String) -> String { backupExtras + id + "/" }

    /// The `BackupPartIndex` of a part, gzipped JSON.
    package func index(of part: BackupPartName, _ id: String) -> ObjectKey {
        ObjectKey(extras(of: id) + "\(part).index.json.gz")
    }
}
