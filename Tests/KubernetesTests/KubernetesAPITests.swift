import ClusterModel
import Glibc
import Kubernetes
import Platform
import TestSupport
import Testing

@Suite(.ownThread) struct KubernetesAPITests {
    private let server: KubernetesServer

    init() throws {
        server = try KubernetesServer()
        try server.make(.leases, "demo", ["spec": ["holderIdentity": "x"]])
    }

    @Test("a token that was rotated is used at once")
    func rotation() throws {
        let api = KubernetesAPI(server.settings)
        _ = try get(api)
        try server.order("token", ["revoke": .bool(true)])
        _ = try get(api)
        #expect(try codes() == [200, 200])
    }

    @Test("after a 401 the file is read again, and the call made once more")
    func retried() throws {
        let api = KubernetesAPI(server.settings)
        try server.fault("status", count: 1, status: 401)
        _ = try get(api)
        #expect(try codes() == [401, 200])
    }

    @Test("an expired token is named with its file, and all is well once there is a new one")
    func expired() throws {
        let api = KubernetesAPI(server.settings)
        _ = try get(api)
        let token = try #require(
            try server.order("token", ["revoke": .bool(true), "write": .bool(false)]).text("token"))
        expect("\(server.serviceAccount)/token", "401") { try get(api) }
        try server.order("write-token", ["token": .string(token)])
        _ = try get(api)
    }

    @Test("a token that is not there is named; one that vanishes for a moment stays in use")
    func missingToken() throws {
        var settings = server.settings
        settings.tokenFile = "/nonexistent/token"
        expect("/nonexistent/token") { try get(KubernetesAPI(settings)) }

        let directory = try TemporaryDirectory()
        let copy = directory.file("token")
        try Files.writeDurably(try Files.read("\(server.serviceAccount)/token"), to: copy)
        settings.tokenFile = copy
        let api = KubernetesAPI(settings)
        _ = try get(api)
        try Files.remove(copy)
        _ = try get(api)
        try Files.writeDurably("\n".utf8, to: copy)
        _ = try get(api)
        expect("has no token in it") { try get(KubernetesAPI(settings)) }
    }

    @Test("a server that another CA vouches for is refused, with the file that decides it")
    func otherAuthority() throws {
        var settings = server.settings
        settings.caFile = server.otherCAFile
        expect(server.otherCAFile, "lease.kubernetes.caFile") { try get(KubernetesAPI(settings)) }
        #expect(try codes().isEmpty)
    }

    @Test("a missing right is named as a Role has to say it")
    func missingRight() throws {
        let directory = try TemporaryDirectory()
        let role = directory.file("role.json")
        let rules = #"{"rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["patch"]}]}"#
        try Files.writeDurably(rules.utf8, to: role)
        let server = try KubernetesServer(role: role)
        expect("'get'", "'leases'", "'coordination.k8s.io'", "'databases'") { try get(KubernetesAPI(server.settings)) }
        let rights = try server.rightsUsed()
        #expect(rights.count == 1)
        #expect(rights.first?.isAllowed == false)
    }

    @Test("every call has its own deadline, whatever the server does", arguments: ["pause", "hang-etcd"])
    func deadline(_ trouble: String) throws {
        let api = KubernetesAPI(server.settings)
        _ = try get(api)
        try server.order(trouble)
        expect("no answer in time") { try get(api, within: .milliseconds(200)) }
        expect("no answer in time") { try get(KubernetesAPI(server.settings), within: .milliseconds(200)) }
        try server.heal()
        _ = try get(api)
    }

    @Test("an answer that is no object of the kind asked for is nonsense")
    func nonsense() throws {
        let api = KubernetesAPI(server.settings)
        for body in ["<html>", "[]", #"{"kind":"Pod"}"#, ""] {
            try server.fault("body", count: 1, status: 200, body: body)
            #expect { try get(api) } throws: { error in
                guard case KubernetesError.nonsense = error else { return false }
                return true
            }
        }
    }

    @Test("stopping ends the calls that wait")
    func stopped() async throws {
        let api = KubernetesAPI(server.settings)
        try server.fault("hang", resource: .leases)
        let ended = try Mailbox<Bool>(capacity: 1)
        try WorkerThread(name: "waits").submit {
            do {
                _ = try api.send(KubernetesCall(.get, .leases, name: "demo", timeout: .seconds(60)))
                ended.post(false)
            } catch { ended.post(true) }
        }
        try await eventually("the call is on its way") { try server.rightsUsed().contains { $0.verb == "get" } }
        api.stop()
        _ = Poll.wait([ended.wakeDescriptor], until: BootClock.now() + .seconds(10))
        #expect(ended.drain() == [true])
    }

    @Test("a moment is written as Kubernetes reads it, also on the last day of February")
    func moments() throws {
        _ = try KubernetesAPI(server.settings).send(
            KubernetesCall(
                .create, .leases,
                body: [
                    "metadata": ["name": "timed"], "spec": ["renewTime": .string(KubernetesTime.now())],
                ]))
        let known: [(Int64, String)] = [
            (0, "1970-01-01T00:00:00.000001Z"), (951_782_400, "2000-02-29T00:00:00.000001Z"),
            (1_767_225_599, "2025-12-31T23:59:59.000001Z"), (-1, "1969-12-31T23:59:59.000001Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000001Z"),
        ]
        for (seconds, text) in known {
            #expect(KubernetesTime.text(secondsSince1970: seconds, nanoseconds: 1999) == text)
        }
    }

    private func get(_ api: KubernetesAPI, within limit: Duration = .seconds(5)) throws -> JSONValue {
        try api.send(KubernetesCall(.get, .leases, name: "demo", timeout: limit))
    }

    private func codes() throws -> [Int64] { try server.log().compactMap { $0["code"]?.integer } }

    private func expect(
        _ texts: String..., at location: SourceLocation = #_sourceLocation, _ body: () throws -> JSONValue
    ) {
        #expect(sourceLocation: location) { _ = try body() } throws: { error in
            texts.allSatisfy { "\(error)".contains($0) }
        }
    }
}
