import ClusterModel
import FoundationEssentials
import Glibc
import ObjectStorage
import Platform
import Postgres
import TestSupport
import Testing

@testable import Archive

/// Retention on a real directory.
struct RetentionRunTests {
    typealias Fixture = RetentionFixture

    private struct Interrupted: Error {}

    private let directory: TemporaryDirectory
    private let store: DirectoryStore
    private let layout = ArchiveLayout(server: "demo")

    init() throws {
        directory = try TemporaryDirectory()
        store = DirectoryStore(root: directory.path)
    }

    private func put(_ key: ObjectKey, _ text: String = "x") throws {
        #expect(try store.putIfAbsent(key, Array(text.utf8)) == .created)
    }

    private func putBackup(_ day: Int, segment: UInt64) throws {
        let id = Fixture.id(day)
        try put(layout.dataPart(0, of: id, suffix: ".gz"))
        try put(layout.dataPart(1, of: id, suffix: ".gz"))
        try put(ObjectKey("demo/pgmahout/manifests/\(id).json.gz"))
        let info = try #require(Fixture.backup(day, segment: segment).info)
        try put(layout.backupInfo(id), info.text)
    }

    private func plan(_ policy: String = "REDUNDANCY 1") throws -> RetentionPlan {
        RetentionPlan(
            try ArchiveInventory.read(store, layout), .init(policy: RetentionPolicy(policy), now: Fixture.time(30_000)))
    }

    private var keys: [String] { (try? store.listAll("demo/", recursive: true).objects.map(\.key.text)) ?? [] }

    @Test("what a plan says goes, with what stands beside a backup; history files, dumps and the rest stay")
    func applies() throws {
        try putBackup(1, segment: 1)
        try putBackup(2, segment: 4)
        for number in 0...5 { try put(ObjectKey("demo/wals/0000000100000000/00000001000000000000000\(number).gz")) }
        try put("demo/wals/0000000100000000/000000010000000000000001.00000028.backup.gz")
        try put("demo/wals/00000002.history", "1\t0/5000000\tno reason\n")
        try put("demo/wals/0000000100000000/notes.txt")
        try put(ObjectKey("demo/pgmahout/dumps/\(Fixture.id(1))/globals.sql.gz"))
        try put("demo/pgmahout/owner.json")
        let plan = try plan()
        #expect(plan.deletedIDs == [Fixture.id(1)])
        let expected = plan.bytes
        var last: ArchiveProgress?
        try RetentionRun(store, layout, progress: { last = $0 }).apply(plan)
        #expect(last?.bytesDone == expected && last?.bytesTotal == expected)
        #expect(
            keys == [
                "demo/base/\(Fixture.id(2))/backup.info", "demo/base/\(Fixture.id(2))/data.tar.gz",
                "demo/base/\(Fixture.id(2))/data_0001.tar.gz", "demo/pgmahout/dumps/\(Fixture.id(1))/globals.sql.gz",
                "demo/pgmahout/manifests/\(Fixture.id(2)).json.gz", "demo/pgmahout/owner.json",
                "demo/wals/0000000100000000/000000010000000000000004.gz",
                "demo/wals/0000000100000000/000000010000000000000005.gz",
                "demo/wals/0000000100000000/notes.txt", "demo/wals/00000002.history",
            ])
        #expect(try self.plan().isEmpty)
    }

    @Test("an interruption at any moment leaves the last good backup whole, and the next run does the rest")
    func resumes() throws {
        try putBackup(1, segment: 1)
        try putBackup(2, segment: 4)
        for number in 0...5 { try put(ObjectKey("demo/wals/0000000100000000/00000001000000000000000\(number).gz")) }
        let kept = keys.filter { $0.contains(Fixture.id(2)) || $0.hasSuffix("04.gz") || $0.hasSuffix("05.gz") }
        for steps in 0..<20 {
            let plan = try plan()
            if plan.isEmpty {
                #expect(keys == kept)
                return
            }
            var left = steps % 3
            try? RetentionRun(
                store, layout,
                permission: {
                    if left == 0 { throw Interrupted() }
                    left -= 1
                }
            ).apply(plan)
            #expect(keys.filter(kept.contains) == kept)
        }
        Issue.record("it does not come to an end")
    }

    @Test("when the backups that were to stay have vanished, nothing more is deleted")
    func survivors() throws {
        try putBackup(1, segment: 1)
        try putBackup(2, segment: 4)
        let plan = try plan()
        try store.delete(layout.backupInfo(Fixture.id(2)))
        #expect { try RetentionRun(store, layout).apply(plan) } throws: { "\($0)".contains("are gone") }
        #expect(keys.contains("demo/base/\(Fixture.id(1))/data.tar.gz"))
    }

    @Test("a backup that somebody wants kept after the plan was made stays, and its WAL with it")
    func keptMeanwhile() throws {
        try putBackup(1, segment: 1)
        try putBackup(2, segment: 4)
        for number in 1...5 { try put(ObjectKey("demo/wals/0000000100000000/00000001000000000000000\(number).gz")) }
        let plan = try plan()
        #expect(plan.deletedIDs == [Fixture.id(1)] && !plan.wal.isEmpty)
        try KeepAnnotation.set(.full, of: Fixture.id(1), store, layout)
        let before = keys
        #expect { try RetentionRun(store, layout).apply(plan) } throws: { "\($0)".contains("is to be kept") }
        #expect(keys == before)
    }

    @Test("an archive of another cluster is not touched by a configuration that was copied")
    func otherCluster() throws {
        try ArchiveOwner.require(cluster: "next", store, layout)
        try put(layout.owner, #"{"systemIdentifier": "7000000000000000001", "cluster": "demo"}"#)
        try ArchiveOwner.require(cluster: "demo", store, layout)
        #expect { try ArchiveOwner.require(cluster: "next", store, layout) } throws: {
            "\($0)".contains("belongs to the cluster 'demo'")
        }
    }

    @Test("more than a thousand segments go, over several pages and batches")
    func many() throws {
        try putBackup(2, segment: 1_200)
        for number in UInt64(0)..<1_205 {
            let name = WALFileName.segment(WALSegment(timeline: TimelineID(1), number: number))
            let path = directory.path + "/" + layout.wal(name, suffix: ".gz").text
            try Files.makeDirectory(String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.endIndex)))
            // Not through the store: a thousand durable writes take their time.
            #expect(symlink("/etc/hostname", path) == 0)
        }
        let plan = try plan()
        #expect(plan.wal.count == 1_200)
        try RetentionRun(store, layout).apply(plan)
        #expect(keys.filter { $0.hasPrefix("demo/wals/") }.count == 5)
    }

    @Test("a backup of more than a thousand objects goes from a bucket, and nothing else does")
    func bucket() throws {
        let place = Barman.Place(
            bucket: try SignatureProxy.shared().bucket(), prefix: "two words/größe", server: "demo")
        let bucket = try BucketServer.location(place).open()
        for (day, segment) in [(1, UInt64(1)), (2, 4)] {
            let info = try #require(Fixture.backup(day, segment: segment).info)
            for (key, text) in [
                (layout.dataPart(0, of: info.id, suffix: ".gz"), "x"), (layout.backupInfo(info.id), info.text),
            ] { #expect(try bucket.putIfAbsent(key, Array(text.utf8)) == .created) }
        }
        for day in [1, 2] { try place.bucket.fill("\(place.prefix)/demo/base/\(Fixture.id(day))/more", count: 1_250) }
        let plan = RetentionPlan(
            try ArchiveInventory.read(bucket, layout),
            .init(policy: .redundancy(1), now: Fixture.time(30_000)))
        #expect(plan.deletedIDs == [Fixture.id(1)] && plan.deleted.first?.backup.objects.count == 1_252)
        try RetentionRun(bucket, layout).apply(plan)
        let left = try bucket.listAll("demo/", recursive: true).objects.map(\.key.text)
        #expect(left.count == 1_252 && left.allSatisfy { $0.contains(Fixture.id(2)) })
        #expect(try place.bucket.operations().count { $0 == "DeleteObjects" } >= 2)
    }

    @Test("an archive of another system or of another cluster is not opened for deleting")
    func foreign() async throws {
        let data = try await PostgresFixture.template()
        let mine = try ControlData.read(dataDirectory: data).systemIdentifier.rawValue
        var settings = ArchiveSettings(
            location: .directory(directory.path), server: "demo", dataDirectory: data, socketPath: "none")
        settings.cluster = "demo"
        for (system, cluster, fits) in [(mine, "demo", true), (mine, "other", false), (mine + 1, "demo", false)] {
            try store.delete(layout.owner)
            let system = SystemIdentifier(rawValue: system)
            let owner = try JSONEncoder().encode(ArchiveOwner(systemIdentifier: system, cluster: cluster))
            try put(layout.owner, String(decoding: owner, as: UTF8.self))
            if fits {
                _ = try settings.openOwn()
            } else {
                #expect { try settings.openOwn() } throws: { "\($0)".contains("belongs to") }
            }
        }
        // Without an owner, its backups tell.
        try store.delete(layout.owner)
        var info = try #require(Fixture.backup(1, segment: 1).info)
        info.systemIdentifier = SystemIdentifier(rawValue: mine + 1)
        try put(layout.backupInfo(info.id), info.text)
        #expect { try settings.openOwn() } throws: { "\($0)".contains("belongs to") }
    }

    @Test("backups can be annotated as Barman does it, otherwise, and released")
    func annotations() throws {
        try putBackup(1, segment: 1)
        func annotation() throws -> KeepAnnotation? { try ArchiveInventory.read(store, layout).backups.first?.keep }
        let id = Fixture.id(1)
        #expect(try annotation() == nil)
        for keep in [KeepAnnotation.full, .full, .standalone] {
            try KeepAnnotation.set(keep, of: id, store, layout)
            #expect(try annotation() == keep)
            #expect(keys.contains("demo/base/\(id)/annotations/keep"))
        }
        try KeepAnnotation.set(nil, of: id, store, layout)
        #expect(try annotation() == nil)
        #expect(throws: ArchiveError.self) { try KeepAnnotation.set(.full, of: Fixture.id(9), store, layout) }
    }
}
