import ClusterModel
import Glibc
import ObjectStorage
import Platform
import Postgres

/// When the last transaction was committed that an archive can replay: how far a target by time may go.
struct LastCommit {
    let store: any ObjectStore
    let layout: ArchiveLayout
    /// PostgreSQL's programs.
    let binaries: PostgresBinaries

    /// Segments that are looked at, from the last one back: an idle server fills some without a commit.
    private static let most = 4
    private static let time = Duration.seconds(60)

    /// nil: it cannot be told without replaying all.
    func find(_ path: RecoveryPath, _ reach: RecoveryPath.Reach) throws -> Timestamp? {
        guard let last = reach.last, let first = path.spans.first else { return nil }
        let scratch = try RuntimeDirectory()
        var number = last.number
        for _ in 0..<Self.most {
            let segment = path.segment(number)
            let file = "\(scratch.path)/\(segment)"
            let request = WALFetch.Request(name: .segment(segment), path: file)
            guard try WALFetch(store: store, layout: layout).fetch(request, of: nil) else { return nil }
            if let time = try latest(in: file) { return time }
            try Files.remove(file)
            guard number > first.start.rawValue / path.segmentSize else { return nil }
            number -= 1
        }
        return nil
    }

    /// A segment rarely begins or ends with a record: what can be read of it is good, whatever the exit status.
    private func latest(in segment: String) throws -> Timestamp? {
        var command = Command(
            binaries.path("pg_waldump"), ["--rmgr=Transaction", segment],
            environment: Tools(binaries: binaries, environment: Command.inheritedEnvironment).environment)
        command.environment["TZ"] = "UTC"
        let (status, text) = try ToolRun.output(of: command, within: Self.time, keeping: 256 << 10)
        guard status != nil else { return nil }
        return Self.times(in: text).max()
    }

    /// Of lines such as `… desc: COMMIT 2026-01-02 03:04:05.678901 UTC; …`.
    static func times(in text: String) -> [Timestamp] {
        text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard let mark = words.firstIndex(where: { $0 == "COMMIT" || $0 == "COMMIT_PREPARED" }) else { return nil }
            // `COMMIT_PREPARED 1234: 2026-…` has a number in between.
            for index in [mark + 1, mark + 2] where index + 1 < words.endIndex {
                let clock = words[index + 1].prefix { $0 != ";" }
                if let time = Timestamp("\(words[index]) \(clock)", missingOffset: 0) { return time }
            }
            return nil
        }
    }
}
