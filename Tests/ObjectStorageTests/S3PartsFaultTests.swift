import ObjectStorage
import TestSupport
import Testing

/// What may go wrong while an object is sent in parts.
@Suite(.ownThread)
struct S3PartsFaultTests {
    private let fixture: S3Fixture
    private var bucket: SignatureProxy.Bucket { fixture.bucket }
    private let content = S3Fixture.content((5 << 20) + 1_000)

    init() throws { fixture = try S3Fixture() }

    private func isLeftOver() throws -> Bool {
        try bucket.raw("GET", "?uploads=").body.contains("<UploadId>")
    }

    @Test(
        "a part that gets lost is sent again",
        arguments: ["status", "cut", "apply-cut", "apply-status", "truncate"])
    func lostParts(effect: String) throws {
        let store = try fixture.store()
        try bucket.fault(effect, "UploadPart", count: 2)
        #expect(try store.putIfAbsent("x", content) == .created)
        #expect(try store.readAll("x", limit: 16 << 20) == content)
        #expect(try !isLeftOver())
    }

    @Test(
        "the answer to the completion may be an error in spite of its status, or get lost, or both",
        arguments: ["error-200", "apply-error-200", "apply-cut", "cut", "apply-status"], [false, true])
    func completion(effect: String, isForgotten: Bool) throws {
        let store = try fixture.store()
        try bucket.fault(effect, "CompleteMultipartUpload", count: 1, code: "InternalError")
        let isDone = effect.hasPrefix("apply")
        // Most stores do not know an upload any more once it is complete.
        if isForgotten, isDone {
            try bucket.fault("status", "CompleteMultipartUpload", count: 1, status: 404, code: "NoSuchUpload")
        }
        #expect(try store.putIfAbsent("x", content) == .created)
        #expect(try store.readAll("x", limit: 16 << 20) == content)
        #expect(try !isLeftOver())
    }

    @Test("an upload that fails, is refused or given up leaves no parts behind")
    func leftOvers() throws {
        struct Refused: Error {}
        let store = try fixture.store { $0.deadline = .milliseconds(500) }
        try bucket.fault("status", "UploadPart", key: "denied", status: 403, code: "AccessDenied")
        #expect { try store.putIfAbsent("denied", content) } throws: { S3Fixture.kind($0) == .denied }
        try bucket.fault("error-200", "CompleteMultipartUpload", key: "broken", code: "InternalError")
        #expect { try store.putIfAbsent("broken", content) } throws: { S3Fixture.kind($0) == .unavailable }
        #expect(throws: Refused.self) { try store.putIfAbsent("refused", content, if: { throw Refused() }) }
        let upload = try store.upload("aborted")
        try upload.write(content.span.bytes)
        upload.abort()
        #expect { try upload.write(content.span.bytes) } throws: { S3Fixture.kind($0) == .unavailable }
        #expect(try !isLeftOver())
        #expect(try store.listAll("").objects.isEmpty)
    }

    @Test("a large object that came into being meanwhile is left as it is")
    func taken() throws {
        let store = try fixture.store()
        let upload = try store.upload("x")
        try upload.write(content.span.bytes)
        #expect(try store.putIfAbsent("x", [1]) == .created)
        #expect(try upload.commit(if: {}) == .exists)
        // Also where completions are unconditional.
        try bucket.fault("ignore-condition", "CompleteMultipartUpload", key: "z")
        let careless = try store.upload("z")
        try careless.write(content.span.bytes)
        #expect(try store.putIfAbsent("z", [3]) == .created)
        #expect(try careless.commit(if: {}) == .exists)
        // At the last moment as well, where they are not.
        let late = try store.upload("y")
        try late.write(content.span.bytes)
        let outcome = try late.commit(if: { _ = try fixture.store().putIfAbsent("y", [2]) })
        #expect(outcome == .exists)
        #expect(try store.readAll("x") == [1] && store.readAll("y") == [2] && store.readAll("z") == [3])
        #expect(try !isLeftOver())
    }
}
