import ClusterModel
import Glibc
import Platform

/// The directory that ``FileLeaseStore`` keeps a record in. Its calls block for as long as the disk does.
struct FileLeaseRecord: Sendable {
    let path: String
    private let cluster: String
    private let onStep: FileLeaseStore.OnStep?

    init(path: String, cluster: String, onStep: FileLeaseStore.OnStep?) {
        var path = path
        while path.count > 1, path.last == "/" { path.removeLast() }
        self.path = path
        self.cluster = cluster
        self.onStep = onStep
    }

    func read() throws(LeaseStoreError) -> (record: ClusterRecord, version: RecordVersion)? {
        try begin()
        for _ in 0..<Self.attempts {
            guard let newest = try newestGeneration() else { return nil }
            guard let file = try content(of: newest) else { continue }
            // A generation that is no longer the newest may be a leftover of a writer that came too late.
            guard try newestGeneration() == newest else { continue }
            let record = try RecordDocument.decode(file.bytes, cluster: cluster, source: "'\(filePath(newest))'")
            return (record, file.version)
        }
        throw .unavailable("'\(path)' changes faster than it can be read")
    }

    func create(_ record: ClusterRecord) throws(LeaseStoreError) -> RecordVersion {
        try begin()
        let bytes = try RecordDocument.encode(record, cluster: cluster)
        guard try newestGeneration() == nil else { throw .alreadyExists }
        try available { () throws(SystemError) in
            let known = Files.exists(path)
            // The parent's absence is an error, see `path`.
            if !known, mkdir(path, 0o700) != 0, errno != EEXIST { throw SystemError("make the directory", path: path) }
            if !known { try Files.syncDirectory(parent) }
        }
        guard let version = try publish(bytes, after: 0) else { throw .alreadyExists }
        return version
    }

    func replace(
        _ record: ClusterRecord, at version: RecordVersion
    ) throws(LeaseStoreError) -> RecordVersion {
        try begin()
        let bytes = try RecordDocument.encode(record, cluster: cluster)
        guard let newest = try newestGeneration() else { throw .notFound }
        guard version.text.hasPrefix("\(newest)-"), try currentVersion(of: newest) == version,
            let written = try publish(bytes, after: newest)
        else { throw .conflict }
        return written
    }

    func watch(_ onChange: @escaping @Sendable () -> Void) throws(LeaseStoreError) -> any LeaseWatch {
        var result: DirectoryLeaseWatch?
        try available { () throws(SystemError) in
            if !Files.exists(path), mkdir(path, 0o700) != 0, errno != EEXIST {
                throw SystemError("make the directory", path: path)
            }
            result = try DirectoryLeaseWatch(directory: path) { names in
                // Preparations concern nobody.
                if names?.contains(where: { Self.generation(of: $0) != nil }) ?? true { onChange() }
            }
        }
        guard let result else { throw .unavailable("'\(path)' cannot be watched") }
        return result
    }

    // MARK: - Writing

    /// Makes `bytes` the generation that follows `predecessor`; nil when another writer was first.
    private func publish(_ bytes: [UInt8], after predecessor: UInt64) throws(LeaseStoreError) -> RecordVersion? {
        let generation = predecessor + 1
        let prepared = "\(path)/.\(generation).\(String(UInt64.random(in: .min ... .max), radix: 36)).tmp"
        var version: RecordVersion?
        do throws(SystemError) {
            defer { unlink(prepared) }
            let file = try FileDescriptor(opening: prepared, O_WRONLY | O_CREAT | O_EXCL)
            try file.write(bytes)
            try file.fsync()
            version = try Self.version(of: file, generation: generation)
            try file.close()
            try onStep?(.prepared)
            try Files.linkExclusively(prepared, to: filePath(generation))
        } catch {
            // The prepared file vanishes when a newer generation exists and its writer has cleaned up.
            if error.isExists || error.isNotFound { return nil }
            throw .unavailable(error.description)
        }
        try confirm(generation, after: predecessor)
        try available { () throws(SystemError) in
            try onStep?(.claimed)
            try Files.syncDirectory(path)
        }
        removeObsolete(before: generation)
        return version
    }

    /// Throws unless the claim of `generation` was for sure the next state after `predecessor`: before it, this
    /// process may have stood still for any time since it looked.
    private func confirm(_ generation: UInt64, after predecessor: UInt64) throws(LeaseStoreError) {
        let present = try generations()
        let newest = present.max() ?? generation
        // Somebody removed everything meanwhile: what was to be replaced is gone.
        if newest == generation, predecessor > 0, !present.contains(predecessor) {
            unlink(filePath(generation))
            throw .conflict
        }
        // Only so far back are names removed, and free for a second claim.
        guard newest < generation + Self.generationsKept else {
            throw .unavailable("\(newest - generation) other changes came while this one was under way")
        }
    }

    /// Removes what lies so far back that no reader is still at it, and preparations that can no longer succeed.
    /// Failures are left to the next writer.
    private func removeObsolete(before current: UInt64) {
        guard let names = try? Files.list(path) else { return }
        for name in names {
            if let generation = Self.generation(of: name) {
                if generation + Self.generationsKept <= current { unlink("\(path)/\(name)") }
            } else if name.hasPrefix("."), name.hasSuffix(".tmp"),
                let target = UInt64(name.dropFirst().prefix { $0 != "." }), target <= current
            {
                unlink("\(path)/\(name)")
            }
        }
    }

    // MARK: - Reading

    private func newestGeneration() throws(LeaseStoreError) -> UInt64? { try generations().max() }

    private func generations() throws(LeaseStoreError) -> [UInt64] {
        do throws(SystemError) {
            return try Files.list(path).compactMap(Self.generation(of:))
        } catch {
            if error.isNotFound, Files.isDirectory(parent) { return [] }
            throw .unavailable(error.description)
        }
    }

    /// nil when it is gone.
    private func content(of generation: UInt64) throws(LeaseStoreError) -> (bytes: [UInt8], version: RecordVersion)? {
        do throws(SystemError) {
            let file = try FileDescriptor(opening: filePath(generation), O_RDONLY)
            let version = try Self.version(of: file, generation: generation)
            var bytes: [UInt8] = []
            while bytes.count <= RecordDocument.maximumBytes {
                let part = try file.read(upTo: 64 << 10)
                if part.isEmpty { return (bytes, version) }
                bytes += part
            }
        } catch {
            if error.isNotFound { return nil }
            throw .unavailable(error.description)
        }
        throw .invalid("'\(filePath(generation))' is larger than \(RecordDocument.maximumBytes) bytes")
    }

    private func currentVersion(of generation: UInt64) throws(LeaseStoreError) -> RecordVersion? {
        do throws(SystemError) {
            let file = try FileDescriptor(opening: filePath(generation), O_RDONLY)
            return try Self.version(of: file, generation: generation)
        } catch {
            if error.isNotFound { return nil }
            throw .unavailable(error.description)
        }
    }

    /// Generation, inode and time of writing: a copy of an older state that somebody puts back is another version.
    private static func version(
        of file: borrowing FileDescriptor, generation: UInt64
    ) throws(SystemError) -> RecordVersion {
        var status = stat()
        guard fstat(file.rawValue, &status) == 0 else { throw SystemError("stat") }
        return RecordVersion("\(generation)-\(status.st_ino)-\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)")
    }

    // MARK: - Names

    private var parent: String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private func filePath(_ generation: UInt64) -> String { "\(path)/\(generation).json" }

    /// Only the spelling that `filePath` makes: one generation must not have two names.
    private static func generation(of name: String) -> UInt64? {
        guard name.hasSuffix(".json"), let value = UInt64(name.dropLast(5)), value > 0, name == "\(value).json"
        else { return nil }
        return value
    }

    private func begin() throws(LeaseStoreError) {
        try available { () throws(SystemError) in try onStep?(.begun) }
    }

    private func available(_ body: () throws(SystemError) -> Void) throws(LeaseStoreError) {
        do throws(SystemError) { try body() } catch { throw .unavailable(error.description) }
    }

    /// How far a writer may lag behind and still know for sure whether its claim held; also a short history for people.
    static let generationsKept: UInt64 = 32
    private static let attempts = 100
}
