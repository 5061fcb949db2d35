import HTTPTransport
import Platform
import TestSupport
import Testing

@testable import ObjectStorage

@Suite(.ownThread)
struct S3CredentialTests {
    private let fixture: S3Fixture
    private let directory: TemporaryDirectory
    private var proxy: SignatureProxy { fixture.bucket.proxy }

    init() throws {
        fixture = try S3Fixture()
        directory = try TemporaryDirectory()
    }

    private func write(_ text: String, to name: String) throws -> String {
        try Files.writeDurably(Array(text.utf8), to: directory.file(name))
        return directory.file(name)
    }

    /// A key of this test alone.
    private func identity() throws -> (key: String, secret: String) {
        let key = "KEY" + String(UInt64.random(in: .min ... .max), radix: 36)
        try proxy.addIdentity(key, secret: "s/\(key)")
        return (key, "s/\(key)")
    }

    @Test("mounted files are followed when they change")
    func rotatedFiles() throws {
        let old = try identity()
        let source = S3CredentialSource.files(
            accessKeyID: try write("\(old.key)\n", to: "id"),
            secretAccessKey: try write(" \(old.secret) \n", to: "secret"),
            sessionToken: nil)
        let store = try fixture.store { $0.credentials = source }
        #expect(try store.putIfAbsent("x", [1]) == .created)
        let new = try identity()
        try proxy.forgetIdentity(old.key)
        #expect { try store.head("x") } throws: { S3Fixture.kind($0) == .denied }
        _ = try write(new.key, to: "id")
        _ = try write(new.secret, to: "secret")
        #expect(try store.head("x")?.size == 1)
        for (text, part) in [("", "empty"), ("two\nlines", "more than one line")] {
            _ = try write(text, to: "secret")
            #expect { try store.head("x") } throws: { "\($0)".contains(part) && "\($0)".contains("/secret'") }
        }
        try Files.remove(directory.file("secret"))
        #expect { try store.head("x") } throws: { S3Fixture.kind($0) == .denied && "\($0)".contains("/secret'") }
    }

    @Test("a section of a shared file is used")
    func sharedFile() throws {
        let (key, secret) = try identity()
        let path = try write(
            "[default]\naws_access_key_id = no\n# x\n[backup]\naws_access_key_id=\(key)\naws_secret_access_key = \(secret)\n",
            to: "credentials")
        let store = try fixture.store { $0.credentials = .sharedFile(path: path, profile: "backup") }
        #expect(try store.putIfAbsent("x", [1]) == .created)
        let wrong = try fixture.store { $0.credentials = .sharedFile(path: path, profile: "default") }
        #expect { try wrong.head("x") } throws: { "\($0)".contains("[default]") }
    }

    @Test("a role is taken with a web identity, and again with the token of the day when it is over")
    func webIdentity() throws {
        let first = "token-\(fixture.bucket.name)-1", second = "token-\(fixture.bucket.name)-2"
        var identity = S3WebIdentity(
            role: "arn:aws:iam::123456789012:role/archive", tokenFile: try write("\(first)\n", to: "token"))
        identity.endpoint = proxy.url
        let store = try fixture.store { $0.credentials = .webIdentity(identity) }
        #expect(try store.putIfAbsent("x", [1]) == .created)
        func credentials() throws -> String {
            let header = try #require(try fixture.bucket.calls().last?.headers["authorization"])
            return String(try #require(header.split(separator: "Credential=").last).prefix { $0 != "/" })
        }
        let old = try credentials()
        #expect(try fixture.bucket.calls().allSatisfy { $0.headers["x-amz-security-token"] != nil })
        func assumed() throws -> [String] {
            try proxy.tokensUsed().filter { $0.contains(fixture.bucket.name) }
        }
        #expect(try assumed() == [first])
        #expect(try store.head("x")?.size == 1)
        #expect(try assumed() == [first], "one role serves many requests")
        _ = try write(second, to: "token")
        let keeper = S3CredentialKeeper(
            .webIdentity(identity),
            S3CredentialServices(http: HTTPClient(), tls: HTTPTLS(), retryPause: .milliseconds(2)))
        let one = try keeper.current(at: .now(), region: "us-east-1")
        #expect(try keeper.current(at: .now(), region: "us-east-1") == one)
        let later = S3Moment(seconds: S3Moment.now().seconds + 3_601)
        #expect(try keeper.current(at: later, region: "us-east-1") != one)
        #expect(try assumed() == [first, second, second])
        #expect(one.accessKeyID != old)
    }

    @Test("credentials that the store calls expired are renewed, whatever their date says")
    func expired() throws {
        let services = S3CredentialServices(http: HTTPClient(), tls: HTTPTLS(), retryPause: .milliseconds(2))
        let keeper = S3CredentialKeeper(.instance(endpoint: proxy.url), services, pause: .zero)
        let first = try keeper.current(at: .now(), region: "")
        #expect(try keeper.current(at: .now(), region: "") == first)
        #expect(try keeper.replace(first, region: ""))
        let second = try keeper.current(at: .now(), region: "")
        #expect(second != first)
        // Others who come with the old ones find the new ones there.
        #expect(try keeper.replace(first, region: ""))
        #expect(try keeper.current(at: .now(), region: "") == second)
        // And a refusal that is about something else does not make everybody ask again and again.
        let patient = S3CredentialKeeper(.instance(endpoint: proxy.url), services)
        #expect(try !patient.replace(try patient.current(at: .now(), region: ""), region: ""))
    }

    @Test("a request that was refused with old credentials is repeated with new ones")
    func repeated() throws {
        let store = try fixture.store {
            $0.credentials = .instance(endpoint: proxy.url)
            $0.retryPause = .zero
        }
        #expect(try store.putIfAbsent("x", [1]) == .created)
        for (status, code) in [(400, "ExpiredToken"), (403, "InvalidAccessKeyId"), (403, "AccessDenied")] {
            try fixture.bucket.fault("status", "GetObject", count: 1, status: Int64(status), code: code)
            #expect(try store.readAll("x") == [1])
        }
        let reads = try fixture.bucket.calls().filter { $0.operation == "GetObject" }
        #expect(Set(reads.compactMap { $0.headers["x-amz-security-token"] }).count == 4)
        #expect(store.statistics.retries == 0)
    }

    @Test("credentials are used until they expire when nobody renews them, and no longer")
    func noRenewal() throws {
        let token = try write("token-\(fixture.bucket.name)", to: "token")
        var identity = S3WebIdentity(role: "arn:aws:iam::123456789012:role/archive", tokenFile: token)
        identity.endpoint = proxy.url
        let keeper = S3CredentialKeeper(
            .webIdentity(identity),
            S3CredentialServices(http: HTTPClient(), tls: HTTPTLS(), retryPause: .milliseconds(2)), pause: .zero)
        let held = try keeper.current(at: .now(), region: "us-east-1")
        try Files.remove(token)
        let soon = S3Moment(seconds: S3Moment.now().seconds + 3_500)
        #expect(try keeper.current(at: soon, region: "us-east-1") == held)
        let late = S3Moment(seconds: S3Moment.now().seconds + 3_601)
        #expect { try keeper.current(at: late, region: "us-east-1") } throws: { "\($0)".contains("/token'") }
    }

    @Test("an instance, or a container, has credentials to give")
    func services() throws {
        let instance = try fixture.store { $0.credentials = .instance(endpoint: proxy.url) }
        #expect(try instance.putIfAbsent("x", [1]) == .created)
        let token = try write("container-token", to: "container")
        let container = try fixture.store {
            $0.credentials = .container(url: "\(proxy.url)/container", tokenFile: token, token: nil)
        }
        #expect(try container.head("x")?.size == 1)
        let refused = try fixture.store {
            $0.credentials = .container(url: "\(proxy.url)/container", tokenFile: nil, token: "wrong")
        }
        #expect { try refused.head("x") } throws: { S3Fixture.kind($0) == .denied && "\($0)".contains("401") }
        let nobody = try fixture.store {
            $0.credentials = .instance(endpoint: "http://127.0.0.1:1")
            $0.deadline = .milliseconds(100)
        }
        #expect { try nobody.head("x") } throws: { "\($0)".contains("S3_ACCESS_KEY_ID") }
    }

    @Test("a wrong secret is refused, and never told")
    func wrongSecret() throws {
        let wrong = S3Credentials(
            accessKeyID: SignatureProxy.accessKeyID, secretAccessKey: "not-it", sessionToken: "tok")
        let store = try fixture.store { $0.credentials = .fixed(wrong) }
        #expect { try store.listAll("") } throws: {
            S3Fixture.kind($0) == .denied && "\($0)".contains("SignatureDoesNotMatch") && !"\($0)".contains("not-it")
        }
        #expect(!"\(wrong)\(store.settings)\(store)".contains("not-it"))
        #expect(!"\(wrong)\(store.settings)".contains("tok\""))
    }
}
