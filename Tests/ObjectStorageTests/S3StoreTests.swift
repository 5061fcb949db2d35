import ObjectStorage
import TestSupport
import Testing

@Suite(.ownThread)
struct S3StoreTests {
    private let fixture: S3Fixture

    init() throws { fixture = try S3Fixture() }

    @Test("S3 does what every object store has to do, with signatures that are right to the last byte")
    func conformance() async throws {
        let store = try fixture.store()
        try await ObjectStoreConformance(store: store).run()
        #expect(try fixture.bucket.proxy.violations() == [])
        // One connection for each thread of the race, and hardly any for all the rest.
        #expect(store.statistics.connections < 16 && store.statistics.requests > 100, "\(store.statistics)")
    }

    @Test("a store that pays no attention to conditions is written to with care, and never over")
    func ignoredConditions() async throws {
        try fixture.bucket.fault("ignore-condition")
        try await ObjectStoreConformance(store: try fixture.store(), isAtomic: false).run()
        try neverOverwrites()
    }

    @Test("whoever is overtaken at a store that cannot prevent it is told")
    func overtaken() throws {
        try fixture.bucket.fault("overtaken", "PutObject", key: "both", count: 1)
        try fixture.bucket.fault("refuse-condition")
        #expect(try fixture.store().putIfAbsent("both", [1]) == .different)
    }

    @Test("a store that refuses conditions is written to with care, and never over")
    func refusedConditions() throws {
        try fixture.bucket.fault("refuse-condition")
        try neverOverwrites()
    }

    private func neverOverwrites() throws {
        let store = try fixture.store()
        #expect(try store.putIfAbsent("small", [1]) == .created)
        #expect(try store.putIfAbsent("small", [2]) == .different)
        let late = try store.upload("late")
        #expect(try store.putIfAbsent("late", [1]) == .created)
        #expect(try late.commit {} == .exists)
        let content = S3Fixture.content((5 << 20) + 1)
        #expect(try store.putIfAbsent("large", content) == .created)
        #expect(try store.putIfAbsent("large", Array(content.dropLast())) == .different)
        #expect(try store.readAll("large", limit: 8 << 20) == content)
        #expect(try fixture.bucket.proxy.violations() == [])
    }

    @Test("whether a store creates without overwriting is found out once; where that is forbidden, care is taken")
    func probe() throws {
        let store = try fixture.store()
        for number in 1...3 { #expect(try store.putIfAbsent(ObjectKey("x\(number)"), [1]) == .created) }
        func probes() throws -> Int {
            try fixture.bucket.calls().count { $0.key.hasSuffix(".pgmahout-probe") }
        }
        #expect(try probes() == 2)
        // The next process needs one.
        #expect(try fixture.store().putIfAbsent("y", [1]) == .created)
        #expect(try probes() == 3)
        try fixture.bucket.fault("status", key: ".pgmahout-probe", status: 403, code: "AccessDenied")
        #expect(try fixture.store().putIfAbsent("z", [1]) == .created)
        #expect(try fixture.store().putIfAbsent("z", [2]) == .different)
        // It is no object to us.
        #expect(try store.listAll("").objects.map(\.key) == ["x1", "x2", "x3", "y", "z"])
    }

    @Test("a large object goes in parts of one size, and comes back whole from any byte on")
    func parts() throws {
        let store = try fixture.store {
            $0.readSize = 1 << 20
            $0.readsAhead = 2
        }
        let content = S3Fixture.content((10 << 20) + 12_345)
        let upload = try store.upload("large")
        var rest = content[...]
        while !rest.isEmpty {
            try upload.write(Array(rest.prefix(777_777)).span.bytes)
            rest = rest.dropFirst(777_777)
        }
        #expect(try store.head("large") == nil)
        #expect(try upload.commit(if: {}) == .created)
        #expect(try fixture.bucket.operations().count { $0 == "UploadPart" } == 3)
        #expect(try store.head("large")?.size == UInt64(content.count))
        for offset in [0, (7 << 20) + 5, content.count - 1, content.count, content.count + 1] {
            let reader = try #require(try store.read("large", from: UInt64(offset)))
            var found: [UInt8] = []
            while case let piece = try reader.read(upTo: 300_000), !piece.isEmpty { found += piece }
            #expect(found == Array(content.dropFirst(offset)), "from \(offset)")
        }
        #expect(try store.putIfAbsent("large", content) == .equal)
        #expect(try fixture.bucket.proxy.violations() == [])
    }

    @Test("an object of exactly one part is sent as a whole, and an empty one can be read")
    func edges() throws {
        let store = try fixture.store()
        let content = S3Fixture.content(5 << 20)
        #expect(try store.putIfAbsent("one", content) == .created)
        #expect(try store.readAll("one", limit: 5 << 20) == content)
        #expect(try store.putIfAbsent("empty", []) == .created)
        #expect(try store.head("empty")?.size == 0)
        #expect(try store.readAll("empty") == [])
        #expect(try store.putIfAbsent("empty", []) == .equal)
        #expect(try !fixture.bucket.operations().contains("CreateMultipartUpload"))
    }

    @Test("more than a thousand objects are listed, and deleted, page by page")
    func manyObjects() throws {
        try fixture.bucket.fill("some place/ö/many/", count: 1_003)
        let store = try fixture.store()
        let all = try store.listAll("many/")
        #expect(all.objects.count == 1_003)
        #expect(all.objects.last?.key == "many/001002")
        try store.delete(all.objects.map(\.key))
        #expect(try store.listAll("", recursive: true).objects.isEmpty)
        #expect(try fixture.bucket.operations().count { $0 == "DeleteObjects" } == 2)
    }

    @Test("pages may be small, and a page may be nothing but one folder", arguments: [1, 2])
    func smallPages(entries: Int64) throws {
        for name in ["a/1", "a/2", "b", "c/1", "c/d/1", "e"] {
            try fixture.bucket.fill("some place/ö/\(name)-", count: 1)
        }
        try fixture.bucket.fault("small-pages", "ListObjects", entries: entries)
        let store = try fixture.store()
        let page = try store.listAll("")
        #expect(page.objects.map(\.key) == ["b-000000", "e-000000"] && page.folders == ["a/", "c/"])
        #expect(try store.listAll("", recursive: true).objects.count == 6)
        #expect(try store.listAll("c/").folders == ["c/d/"])
        #expect(try store.list("", after: "c/", recursive: false).objects.map(\.key) == ["e-000000"])
    }

    @Test("many are deleted one by one where the store does not know better")
    func noBatches() throws {
        try fixture.bucket.fault("status", "DeleteObjects", status: 501, code: "NotImplemented")
        let store = try fixture.store()
        for key: ObjectKey in ["a", "b"] { #expect(try store.putIfAbsent(key, [1]) == .created) }
        try store.delete(["a", "b"])
        #expect(try store.listAll("").objects.isEmpty)
    }

    @Test("what others keep beside and among our objects is none of them")
    func foreign() throws {
        for target in ["%C3%B6/", "%C3%B6/folder/", "%C3%B6/.hidden", "%C3%B6-neighbour/x", "../other", "%C3%B6/real"] {
            let path = target == "../other" ? "/other" : "/some%20place/\(target)"
            #expect(try fixture.bucket.raw("PUT", path, body: "x").status == 200)
        }
        let store = try fixture.store()
        #expect(try store.listAll("", recursive: true).objects.map(\.key) == ["real"])
        #expect(try store.listAll("").folders == ["folder/"])
        // Without a prefix all of it is ours, as far as it has a name.
        let whole = try fixture.store { $0.prefix = "" }
        #expect(try whole.listAll("").folders == ["some place/"])
        #expect(try whole.listAll("").objects.map(\.key) == ["other"])
    }

    @Test("uploads that died are removed once they are old; those that are still written to, and others', are not")
    func abandonedUploads() throws {
        // moto takes each upload to be from 2010; its parts have their time.
        let target = "/some%20place/%C3%B6/"
        func begin(_ target: String) throws -> String {
            let text = try fixture.bucket.raw("POST", "\(target)?uploads=").body
            let parts = text.split(separator: "<UploadId>")
            return String(try #require(parts.last?.prefix { $0 != "<" }))
        }
        let (old, busy) = (try begin(target + "old"), try begin(target + "busy"))
        let foreign = try begin("/elsewhere/x")
        try fixture.bucket.raw("PUT", "\(target)busy?partNumber=1&uploadId=\(busy)", body: "x")
        let store = try fixture.store()
        try store.removeAbandonedUploads(under: "other/", olderThan: .seconds(86_400))
        func left() throws -> String { try fixture.bucket.raw("GET", "?uploads=").body }
        #expect(try left().contains(old))
        try store.removeAbandonedUploads(olderThan: .seconds(86_400))
        #expect(try !left().contains(old))
        #expect(try left().contains(busy) && left().contains(foreign))
    }

    @Test("encryption and storage class go with every object that comes into being, whole or in parts")
    func objectOptions() throws {
        let store = try fixture.store {
            $0.encryption = .kms(key: "key/1")
            $0.storageClass = "STANDARD_IA"
        }
        #expect(try store.putIfAbsent("small", [1]) == .created)
        #expect(try store.putIfAbsent("large", S3Fixture.content((5 << 20) + 1)) == .created)
        for call in try fixture.bucket.calls() {
            let creates = ["PutObject", "CreateMultipartUpload"].contains(call.operation)
            #expect(call.headers["x-amz-server-side-encryption"] == (creates ? "aws:kms" : nil))
            #expect(call.headers["x-amz-server-side-encryption-aws-kms-key-id"] == (creates ? "key/1" : nil))
            #expect(call.headers["x-amz-storage-class"] == (creates ? "STANDARD_IA" : nil))
        }
        let plain = try fixture.store { $0.encryption = .store }
        #expect(try plain.putIfAbsent("plain", [1]) == .created)
        #expect(try fixture.bucket.calls().last?.headers["x-amz-server-side-encryption"] == "AES256")
        #expect(try fixture.bucket.proxy.violations() == [])
    }

    @Test("a bucket is also reached as a virtual host")
    func virtualHost() throws {
        let store = try fixture.store {
            $0.endpoint = "http://localhost:\(fixture.bucket.proxy.port)/"
            $0.addressing = .virtualHost
        }
        #expect(try store.putIfAbsent("a b/ü", [1, 2, 3]) == .created)
        #expect(try store.readAll("a b/ü") == [1, 2, 3])
        #expect(try store.listAll("a b/").objects.map(\.key) == ["a b/ü"])
        let host = try fixture.bucket.calls().last?.headers["host"]
        #expect(host == "\(fixture.bucket.name).localhost:\(fixture.bucket.proxy.port)")
    }

    @Test("a region can have any name, and one that is wrong is corrected by what the store says")
    func regions() throws {
        let elsewhere = try S3Fixture(region: "garage")
        let right = try elsewhere.store { $0.region = "garage" }
        #expect(try right.putIfAbsent("x", [1]) == .created)
        #expect(try elsewhere.bucket.calls().allSatisfy { $0.status != 400 })
        for region in [nil, "eu-west-1"] {
            // The first request is one whose answer has no text to say it in.
            let wrong = try elsewhere.store { $0.region = region }
            #expect(try wrong.head("x")?.size == 1)
            #expect(try wrong.putIfAbsent("x", [2]) == .different)
        }
    }

    @Test("over TLS only those are trusted who are said to be")
    func tls() async throws {
        let certificates = try await TestCertificates()
        let identity = try await certificates.issue("s3", for: ["IP:127.0.0.1"])
        let front = try await TLSFront(to: fixture.bucket.proxy.port, identity)
        let store = try fixture.store {
            $0.endpoint = front.url
            $0.caFile = certificates.authority
        }
        #expect(try store.putIfAbsent("x", [1]) == .created)
        #expect(try store.readAll("x") == [1])
        let distrustful = try fixture.store { $0.endpoint = front.url }
        #expect { try distrustful.head("x") } throws: { error in
            S3Fixture.kind(error) == .unavailable && "\(error)".contains("certificate")
        }
    }
}
