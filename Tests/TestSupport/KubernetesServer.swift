import Glibc
import HTTPTransport
import Kubernetes
import Platform

/// The stand-in API server of `scripts/lib/kubernetes_api.py`, running until the value goes away.
package final class KubernetesServer: Sendable {
    package let url: String
    /// The same server by a way that ordered faults of single calls leave alone.
    package let directURL: String
    /// A CA that did not sign its certificate.
    package let otherCAFile: String
    /// As the kubelet mounts it.
    package let serviceAccount: String
    package let namespace: String
    private let controlURL: String
    private let client = HTTPClient(name: "kube-control")
    private let directory: TemporaryDirectory
    private let child: TestChild
    /// Its standard input: it ends when this goes away, however that happens.
    private let lifeline: FileDescriptor

    /// - Parameters:
    ///   - role: manifest of the Role that calls are checked against; nil: everything is allowed.
    ///   - bookmarkSeconds: how often watches get one.
    package init(
        namespace: String = "databases", role: String? = nil, bookmarkSeconds: Double = 60,
        tokenLifetimeSeconds: Double = 3600
    ) throws {
        directory = try TemporaryDirectory()
        self.namespace = namespace
        let output = directory.file("addresses.json")
        var arguments = [
            Repository.file("scripts/lib/kubernetes_api.py"), "--directory", directory.file("api"), "--namespace",
            namespace, "--bookmark-seconds", "\(bookmarkSeconds)", "--token-lifetime", "\(tokenLifetimeSeconds)",
        ]
        if let role { arguments += ["--role", role] }
        let pipe = try Pipe.makePipe()
        let input = FileDescriptor(owning: pipe.read)
        lifeline = FileDescriptor(owning: pipe.write)
        let file = try FileDescriptor(opening: output, O_WRONLY | O_CREAT)
        var command = Command("/usr/bin/python3", arguments)
        command.input = .descriptor(input.rawValue)
        command.output = .descriptor(file.rawValue)
        let child = try TestChild(command)
        self.child = child
        var found: JSONValue?
        try eventuallyBlocking("the stand-in API server is ready", within: .seconds(30)) {
            if let status = child.status { throw Failure("the stand-in API server ended: \(status)") }
            found = JSONValue(bytes: try Files.read(output))
            return found != nil
        }
        url = found?.text("url") ?? ""
        directURL = found?.text("directURL") ?? ""
        controlURL = found?.text("control") ?? ""
        otherCAFile = found?.text("otherCAFile") ?? ""
        serviceAccount = found?.text("serviceAccount") ?? ""
    }

    package var settings: KubernetesSettings {
        KubernetesSettings(
            url: url, tokenFile: "\(serviceAccount)/token", caFile: "\(serviceAccount)/ca.crt", namespace: namespace)
    }

    package var directSettings: KubernetesSettings {
        var settings = settings
        settings.url = directURL
        return settings
    }

    // MARK: - What tests do to it, see scripts/lib/kubernetes_control.py

    @discardableResult
    package func order(_ command: String, _ arguments: JSONValue = [:]) throws -> JSONValue {
        try control("POST", command, arguments.bytes)
    }

    /// - Parameters:
    ///   - verb: as RBAC says it, or `write` for all that change something; nil: all.
    ///   - count: for so many calls; nil: until `heal`.
    package func fault(
        _ effect: String, verb: String? = nil, resource: KubernetesResource? = nil, count: Int64? = nil,
        status: Int64? = nil, milliseconds: Int64? = nil, body: String? = nil
    ) throws {
        var rule: JSONValue = ["effect": .string(effect)]
        rule["verb"] = verb.map { .string($0) }
        rule["resource"] = resource.map { .string($0.plural) }
        rule["count"] = count.map { .integer($0) }
        rule["status"] = status.map { .integer($0) }
        rule["milliseconds"] = milliseconds.map { .integer($0) }
        rule["body"] = body.map { .string($0) }
        try order("fault", rule)
    }

    package func heal() throws { try order("heal") }

    /// The object as it is stored; nil when there is none.
    package func object(_ resource: KubernetesResource, _ name: String) throws -> JSONValue? {
        let found = try control("GET", "object?resource=\(resource.plural)&name=\(name)", [], accepting: [200, 404])
        return found["kind"]?.string == resource.kind ? found : nil
    }

    package func objects(_ resource: KubernetesResource) throws -> [JSONValue] {
        try control("GET", "objects?resource=\(resource.plural)", []).array
    }

    /// A merge patch, as somebody else might send it.
    package func edit(_ resource: KubernetesResource, _ name: String, _ patch: JSONValue) throws {
        try order("edit", ["resource": .string(resource.plural), "name": .string(name), "patch": patch])
    }

    /// An object of somebody else.
    package func make(_ resource: KubernetesResource, _ name: String, _ object: JSONValue) throws {
        try order("make", ["resource": .string(resource.plural), "name": .string(name), "object": object])
    }

    package func delete(_ resource: KubernetesResource, _ name: String) throws {
        try order("delete", ["resource": .string(resource.plural), "name": .string(name)])
    }

    /// One entry for each right that was used.
    package struct Right: Hashable, Sendable {
        package var verb: String
        package var resource: String
        package var apiGroup: String
        package var names: Set<String>
        package var isAllowed: Bool
    }

    package func rightsUsed() throws -> [Right] {
        try control("GET", "calls", []).array.map { entry in
            Right(
                verb: entry.text("verb") ?? "", resource: entry.text("resource") ?? "",
                apiGroup: entry.text("apiGroup") ?? "",
                names: Set((entry["resourceNames"]?.array ?? []).compactMap(\.string)),
                isAllowed: entry["allowed"] == .bool(true))
        }
    }

    /// The last calls, oldest first: `method`, `path`, `verb`, `code`.
    package func log() throws -> [JSONValue] { try control("GET", "log", []).array }

    /// Connections accepted so far.
    package func connectionsAccepted() throws -> Int64 { try control("GET", "state", [])["accepted"]?.integer ?? 0 }

    /// Those that are open now, but for those of `directSettings`.
    package func openConnections() throws -> Int64 { try control("GET", "state", [])["connections"]?.integer ?? 0 }

    private func control(
        _ method: String, _ command: String, _ body: [UInt8], accepting: Set<Int> = [200]
    ) throws -> JSONValue {
        let answer = try client.sendAndWait(
            HTTPRequest(method: method, url: "\(controlURL)/_control/\(command)", body: body, timeout: .seconds(20)))
        guard accepting.contains(answer.status), let value = JSONValue(bytes: answer.body) else {
            throw Failure("\(command): \(answer.status) \(String(decoding: answer.body, as: UTF8.self))")
        }
        return value
    }

    package struct Failure: Error, CustomStringConvertible {
        package let description: String
        init(_ description: String) { self.description = description }
    }
}

/// Files of this repository that tests use as they are.
package enum Repository {
    /// - Parameter path: from the top.
    package static func file(_ path: String, here: String = #filePath) -> String {
        here.split(separator: "/").dropLast(3).map { "/\($0)" }.joined() + "/" + path
    }
}

extension JSONValue {
    package var array: [JSONValue] { if case .array(let value) = self { value } else { [] } }
}
