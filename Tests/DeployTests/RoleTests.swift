import ClusterModel
import Kubernetes
import LeaseStores
import Platform
import Synchronization
import TestSupport
import Testing
import Yams

/// The Role of `deploy/base` against what the code does at an API server that checks it.
@Suite(.ownThread) struct RoleTests {
    /// What a Role allows, one by one.
    struct Right: Hashable, CustomStringConvertible {
        var verb: String
        var resource: String
        var group: String
        /// The only names that it is for; empty: any.
        var names: Set<String>

        var description: String { "\(verb) \(resource).\(group) \(names)" }
    }

    @Test("every call that the code makes is allowed, and every right is used")
    func exact() async throws {
        let rights = try await rightsOfBase()
        let used = try await exercise(rights)
        for right in used { #expect(right.isAllowed, "missing in deploy/base/role.yaml: \(right)") }
        for right in rights {
            #expect(used.contains { $0.needs(right) }, "needless in deploy/base/role.yaml: \(right)")
        }
    }

    @Test("taking any right away makes a call fail")
    func missing() async throws {
        let rights = try await rightsOfBase()
        #expect(rights.count >= 7)
        for right in rights {
            let used = try await exercise(rights.subtracting([right]))
            #expect(used.contains { !$0.isAllowed && $0.needs(right) }, "nothing needs \(right)")
        }
    }

    private func rightsOfBase() async throws -> Set<Right> {
        var rights: Set<Right> = []
        for rule in try await Manifests("deploy/base")["Role", "pg"]["rules"]?.list ?? [] {
            func texts(_ key: String) -> [String] { rule[key]?.list.compactMap(\.string) ?? [] }
            for group in texts("apiGroups") {
                for resource in texts("resources") {
                    for verb in texts("verbs") {
                        let names = Set(texts("resourceNames"))
                        rights.insert(Right(verb: verb, resource: resource, group: group, names: names))
                    }
                }
            }
        }
        return rights
    }

    /// Runs all that a member does at the API server, with these rights; returns what it asked for.
    private func exercise(_ rights: Set<Right>) async throws -> [KubernetesServer.Right] {
        let directory = try TemporaryDirectory()
        try Files.writeDurably(Self.manifest(rights).bytes, to: directory.file("role.json"))
        let server = try KubernetesServer(role: directory.file("role.json"))
        for pod in ["pg-0", "pg-1"] { try server.order("pod", ["name": .string(pod), "labels": ["role": "primary"]]) }

        let store = KubernetesLeaseStore(server.settings, name: "pg", cluster: "pg")
        let watch = try store.watch {}
        defer { watch.stop() }
        var record = ClusterRecord(cluster: "pg", durationMilliseconds: 6000)
        if let version = try? store.create(record) {
            record.term = 1
            _ = try? store.replace(record, at: version)
        }
        _ = try? store.read()

        let api = KubernetesAPI(server.settings)
        defer { api.stop() }
        let labels = try PodLabels(api, PodLabelSettings(pod: "pg-0"))
        labels.set(.primary, formerPrimaries: ["pg-1"])
        let events = try KubernetesEvents(api, pod: "pg-0", podUID: nil)
        events.post(reason: "FailoverCompleted", message: "pg-0 leads")
        try await eventually("all of it has been tried") {
            let used = try server.rightsUsed()
            let tried = [("watch", "leases"), ("watch", "pods"), ("patch", "pods"), ("create", "events")]
            return tried.allSatisfy { wanted in used.contains { $0.verb == wanted.0 && $0.resource == wanted.1 } }
        }
        try await eventually("labels and events are through, or were refused") {
            let state = labels.state
            return (state.applied == .primary || state.lastError != nil)
                && (events.state.written == 1 || events.state.lastError != nil)
        }
        return try server.rightsUsed()
    }

    private static func manifest(_ rights: Set<Right>) -> JSONValue {
        let rules = rights.map { right -> JSONValue in
            var rule: JSONValue = [
                "apiGroups": .array([.string(right.group)]), "resources": .array([.string(right.resource)]),
                "verbs": .array([.string(right.verb)]),
            ]
            if !right.names.isEmpty { rule["resourceNames"] = .array(right.names.map { .string($0) }) }
            return rule
        }
        return ["kind": "Role", "rules": .array(rules)]
    }
}

extension KubernetesServer.Right {
    fileprivate func needs(_ right: RoleTests.Right) -> Bool {
        verb == right.verb && resource == right.resource && apiGroup == right.group
            && (right.names.isEmpty || !names.isDisjoint(with: right.names))
    }
}
