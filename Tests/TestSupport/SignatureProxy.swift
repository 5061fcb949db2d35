import Glibc
import HTTPTransport
import Kubernetes
import Platform

/// moto's S3 behind the proxy of `scripts/lib/signature_proxy.py`, which checks every signature and makes trouble by
/// order. One for all tests of a process: each of them has a bucket of its own, and faults belong to a bucket.
package final class SignatureProxy: Sendable {
    package let port: Int
    package var url: String { "http://127.0.0.1:\(port)" }
    /// moto itself: for other people's clients, whatever they sign and send.
    package let motoURL: String
    private let controlURL: String
    private let client = HTTPClient(name: "s3-control")
    private let directory: TemporaryDirectory
    private let child: TestChild
    /// Its standard input: it ends when this process does, however that happens.
    private let lifeline: FileDescriptor

    package static let accessKeyID = "AKIDTEST"
    /// With characters that are encoded here and there.
    package static let secretAccessKey = "secretTEST/with+chars="

    private static let started = Result { try SignatureProxy() }

    package static func shared() throws -> SignatureProxy { try started.get() }

    private init() throws {
        directory = try TemporaryDirectory()
        let output = directory.file("addresses.json")
        let pipe = try Pipe.makePipe()
        let input = FileDescriptor(owning: pipe.read)
        lifeline = FileDescriptor(owning: pipe.write)
        let file = try FileDescriptor(opening: output, O_WRONLY | O_CREAT)
        var command = Command(
            "/usr/bin/python3",
            [
                Repository.file("scripts/lib/signature_proxy.py"), "--key", Self.accessKeyID, "--secret",
                Self.secretAccessKey,
            ])
        command.input = .descriptor(input.rawValue)
        command.output = .descriptor(file.rawValue)
        let child = try TestChild(command)
        self.child = child
        var found: JSONValue?
        try eventuallyBlocking("moto and the proxy before it are ready", within: .seconds(60), every: .milliseconds(50))
        {
            if let status = child.status { throw Failure("the signature proxy ended: \(status)") }
            found = JSONValue(bytes: try Files.read(output))
            return found != nil
        }
        port = Int(found?["port"]?.integer ?? 0)
        motoURL = "http://127.0.0.1:\(found?["moto"]?.integer ?? 0)"
        controlURL = "http://127.0.0.1:\(found?["control"]?.integer ?? 0)"
    }

    /// A new bucket, empty.
    package func bucket(region: String = "us-east-1", name: String? = nil) throws -> Bucket {
        let name = name ?? "b-" + String(UInt64.random(in: .min ... .max), radix: 36)
        try order("bucket", ["name": .string(name), "region": .string(region)])
        return Bucket(name: name, proxy: self)
    }

    /// A key that the service knows from now on, or knows with another secret.
    package func addIdentity(_ key: String, secret: String) throws {
        try order("identity", ["key": .string(key), "secret": .string(secret)])
    }

    package func forgetIdentity(_ key: String) throws { try order("forget", ["key": .string(key)]) }

    /// The tokens for which roles were given, oldest first.
    package func tokensUsed() throws -> [String] { try calls(of: "").map(\.key) }

    private func calls(of bucket: String) throws -> [Call] {
        try order("calls", ["bucket": .string(bucket)]).array.map { call in
            Call(
                operation: call.text("operation") ?? "", key: call.text("key") ?? "",
                status: Int(call["status"]?.integer ?? 0), headers: call.texts("headers"))
        }
    }

    @discardableResult
    private func order(_ command: String, _ arguments: JSONValue = [:]) throws -> JSONValue {
        let answer = try client.sendAndWait(
            HTTPRequest(method: "POST", url: "\(controlURL)/\(command)", body: arguments.bytes, timeout: .seconds(20)))
        guard answer.status == 200, let value = JSONValue(bytes: answer.body) else {
            throw Failure("\(command): \(answer.status) \(String(decoding: answer.body, as: UTF8.self))")
        }
        return value
    }

    /// Requests of any test that no correct client sends.
    package func violations() throws -> [String] {
        try order("state")["violations"].map { $0.array.compactMap(\.string) } ?? []
    }

    /// A request as it came in, and the status that it got.
    package struct Call: Sendable {
        package var operation: String
        package var key: String
        package var status: Int
        /// Names in lower case.
        package var headers: [String: String]
    }

    package struct RawAnswer: Sendable {
        package var status: Int
        package var body: String
    }

    package struct Bucket: Sendable {
        package let name: String
        package let proxy: SignatureProxy

        /// - Parameters:
        ///   - effect: see `scripts/lib/signature_faults.py`.
        ///   - operation: as S3 calls it, such as `PutObject`; nil: all.
        ///   - key: part of the keys concerned; nil: all.
        ///   - count: for so many requests; nil: until `heal`.
        ///   - skip: so many pass first.
        package func fault(
            _ effect: String, _ operation: String? = nil, key: String? = nil, count: Int64? = nil, skip: Int64? = nil,
            status: Int64? = nil, code: String? = nil, milliseconds: Int64? = nil, retryAfter: Int64? = nil,
            entries: Int64? = nil
        ) throws {
            var rule: JSONValue = ["effect": .string(effect), "bucket": .string(name)]
            rule["operation"] = operation.map { .string($0) }
            rule["key"] = key.map { .string($0) }
            rule["count"] = count.map { .integer($0) }
            rule["skip"] = skip.map { .integer($0) }
            rule["status"] = status.map { .integer($0) }
            rule["code"] = code.map { .string($0) }
            rule["milliseconds"] = milliseconds.map { .integer($0) }
            rule["retryAfter"] = retryAfter.map { .integer($0) }
            rule["entries"] = entries.map { .integer($0) }
            try proxy.order("fault", rule)
        }

        package func heal() throws { try proxy.order("heal", ["bucket": .string(name)]) }

        /// Objects of one byte.
        /// - Parameter prefix: of the whole keys; a number comes behind it.
        package func fill(_ prefix: String, count: Int64) throws {
            try proxy.order(
                "fill", ["bucket": .string(name), "prefix": .string(prefix), "count": .integer(count)])
        }

        /// Seconds by which the store's clock is ahead.
        package func setClock(ahead seconds: Int64) throws {
            try proxy.order("habits", ["bucket": .string(name), "clock": .integer(seconds)])
        }

        /// The requests so far, oldest first.
        package func calls() throws -> [Call] { try proxy.calls(of: name) }

        package func operations() throws -> [String] { try calls().map(\.operation) }

        /// Asks moto, past all checks.
        /// - Parameter target: what comes behind the bucket, encoded.
        @discardableResult
        package func raw(_ method: String, _ target: String = "", body: String = "") throws -> RawAnswer {
            let answer = try proxy.order(
                "raw", ["method": .string(method), "target": .string("/\(name)\(target)"), "body": .string(body)])
            return RawAnswer(status: Int(answer["status"]?.integer ?? 0), body: answer.text("body") ?? "")
        }
    }

    package struct Failure: Error, CustomStringConvertible {
        package let description: String
        init(_ description: String) { self.description = description }
    }
}
