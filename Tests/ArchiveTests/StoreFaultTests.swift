import ClusterModel
import Compression
import Glibc
import ObjectStorage
import Platform
import TestSupport
import Testing

@testable import Archive

/// The archiver and an S3 service that makes trouble, with a backlog before it.
@Suite(.ownThread, .serialized)
struct StoreFaultTests {
    private let directory: TemporaryDirectory
    private let wal: WALDirectory
    private let bucket: SignatureProxy.Bucket

    init() throws {
        directory = try TemporaryDirectory()
        wal = try WALDirectory()
        bucket = try SignatureProxy.shared().bucket()
    }

    private var settings: S3Settings {
        var settings = S3Settings(
            bucket: bucket.name, prefix: "a b/ö",
            credentials: .fixed(
                S3Credentials(
                    accessKeyID: SignatureProxy.accessKeyID, secretAccessKey: SignatureProxy.secretAccessKey)))
        settings.endpoint = bucket.proxy.url
        settings.retryPause = .milliseconds(5)
        return settings
    }

    private func start(_ change: (inout S3Settings) -> Void = { _ in }) async throws -> RunningArchiver {
        var s3 = settings
        change(&s3)
        return try await RunningArchiver(
            ArchiveSettings(
                location: .s3(s3), server: "demo", dataDirectory: wal.path, socketPath: directory.file("a.sock"),
                parallel: 4, systemIdentifier: SegmentFile.system), lease: true)
    }

    private func backlog(_ count: Int) throws -> [WALSegment] {
        let segments = (1...count).map { SegmentFile.segment(UInt64($0)) }
        for segment in segments { try wal.add("\(segment)", SegmentFile.content(segment, noise: true)) }
        return segments
    }

    private func expectArchived(_ segments: [WALSegment]) throws {
        let store = try S3Store(settings)
        let fetching = WALFetch(store: store, layout: ArchiveLayout(server: "demo"))
        let target = directory.file("fetched")
        for segment in segments {
            #expect(
                try fetching.fetch(WALFetch.Request(name: .segment(segment), path: target), of: SegmentFile.system))
            #expect(try Files.read(target) == Files.read(wal.file("\(segment)")))
        }
        #expect(try bucket.proxy.violations() == [])
    }

    /// The segments in the order of their first PUT that succeeded.
    private func orderOfArrival() throws -> [String] {
        try bucket.calls().filter { $0.operation == "PutObject" && $0.status == 200 && $0.key.contains("/wals/") }
            .compactMap { $0.key.split(separator: "/").last.map { String($0.dropLast(3)) } }
    }

    @Test("200 segments that waited for a store that was down get there, the oldest first, several at once")
    func down() async throws {
        try bucket.fault("status", status: 503, code: "SlowDown")
        let archiver = try await start()
        let segments = try backlog(200)
        try await eventually("the status tells what is wrong", within: .seconds(20)) {
            try archiver.latest().storeTrouble?.contains("SlowDown") == true && archiver.latest().readyCount == 200
        }
        #expect(try archiver.latest().archivedCount == 0)
        #expect(try archiver.latest().oldestReady == "\(segments[0])")
        // Nothing is acknowledged that is not durable.
        let (exit, text) = try await WALClient.push(archiver, "\(segments[0])", timeout: 2)
        #expect(exit == .exited(1), "\(text)")
        try bucket.heal()
        try await eventually("all are archived", within: .seconds(120)) { try archiver.latest().archivedCount == 200 }
        let status = try archiver.latest()
        #expect(status.readyCount == 0)
        #expect(status.storeTrouble == nil)
        #expect((status.storeRetries ?? 0) > 0)
        #expect((status.storeThrottled ?? 0) > 0)
        #expect((status.storedBytes ?? 0) > 0)
        // Four are in flight: none comes in more than a few places before its turn.
        let order = try orderOfArrival()
        #expect(order.count == 200)
        for (place, name) in order.enumerated() {
            let own = segments.firstIndex { "\($0)" == name } ?? 1000
            #expect(abs(own - place) <= 6, "\(name) came as number \(place)")
        }
        try expectArchived([segments[0], segments[99], segments[199]])
        let (again, _) = try await WALClient.push(archiver, "\(segments[199])")
        #expect(again == .exited(0))
        #expect(try await archiver.stop() == 0)
    }

    @Test(
        "a store that stumbles loses nothing and stores nothing twice",
        arguments: ["status", "cut", "apply-cut", "apply-status", "delay"])
    func flapping(effect: String) async throws {
        let archiver = try await start()
        let segments = try backlog(24)
        for skip in [1, 4, 9, 15, 20, 30] as [Int64] {
            try bucket.fault(
                effect, "PutObject", key: "/wals/", count: 2, skip: skip,
                status: effect.hasSuffix("status") ? 503 : nil, milliseconds: effect == "delay" ? 700 : nil)
        }
        try await eventually("all are archived", within: .seconds(60)) { try archiver.latest().archivedCount == 24 }
        #expect(try archiver.latest().conflicts ?? 0 == 0)
        #expect(try archiver.latest().lastError == nil)
        try bucket.heal()
        try expectArchived(segments)
        #expect(try await archiver.stop() == 0)
    }

    @Test(
        "an answer that is cut off or lies about its length never passes for a segment",
        arguments: ["truncate", "short", "long"])
    func badAnswers(effect: String) async throws {
        let archiver = try await start()
        let segments = try backlog(3)
        try await eventually("all are archived", within: .seconds(30)) { try archiver.latest().archivedCount == 3 }
        try bucket.fault(effect, "GetObject", key: "/wals/", count: 1)
        let (exit, text) = try await WALClient.fetch(archiver.settings.socketPath, "\(segments[1])", in: wal.path)
        // Repeated until it is right, or an error; never a wrong file.
        if exit == .exited(0) {
            #expect(try Files.read(wal.file("RECOVERYXLOG")) == Files.read(wal.file("\(segments[1])")))
        } else {
            #expect(!Files.exists(wal.file("RECOVERYXLOG")), "\(text)")
        }
        try bucket.heal()
        let (second, words) = try await WALClient.fetch(archiver.settings.socketPath, "\(segments[1])", in: wal.path)
        #expect(second == .exited(0), "\(words)")
        #expect(try Files.read(wal.file("RECOVERYXLOG")) == Files.read(wal.file("\(segments[1])")))
        #expect(try await archiver.stop() == 0)
    }

    @Test("a segment that the bucket holds with another content is left there, and counted as a conflict")
    func conflict() async throws {
        let segment = SegmentFile.segment(1)
        let store = try S3Store(settings)
        let key = ArchiveLayout(server: "demo").wal(.segment(segment), suffix: ".gz")
        let gate = LeaseGate()
        gate.feed(deadline: .max)
        let other = directory.file("other")
        try Files.writeDurably(SegmentFile.content(segment, fill: 9), to: other)
        _ = try WALPush(store: store, layout: ArchiveLayout(server: "demo"), codec: GzipCodec(), gate: gate)
            .push(.segment(segment), from: other, of: SegmentFile.system)
        let before = try store.readAll(key)
        let archiver = try await start()
        try wal.add("\(segment)", SegmentFile.content(segment, fill: 1))
        let (exit, text) = try await WALClient.push(archiver, "\(segment)")
        #expect(exit == .exited(1))
        #expect(text.contains("another \(segment)"), "\(text)")
        try await eventually("it is counted") { try (archiver.latest().conflicts ?? 0) >= 1 }
        #expect(try archiver.latest().failures?["refused"] ?? 0 >= 1)
        #expect(try store.readAll(key) == before)
        #expect(try await archiver.stop() == 0)
    }

    @Test("a store that pays no attention to conditions is not overwritten either")
    func ignoredCondition() async throws {
        try bucket.fault("ignore-condition")
        let archiver = try await start()
        let segments = try backlog(3)
        try await eventually("all are archived", within: .seconds(30)) { try archiver.latest().archivedCount == 3 }
        #expect(try await archiver.stop() == 0)
        // The next archiver finds them there.
        let next = try await start()
        for segment in segments {
            let (exit, text) = try await WALClient.push(next, "\(segment)")
            #expect(exit == .exited(0), "\(text)")
        }
        try expectArchived(segments)
        #expect(try await next.stop() == 0)
    }
}
