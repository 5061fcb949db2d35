import Kubernetes
import Platform
import TestSupport
import Testing

@Suite(.ownThread) struct PodLabelsTests {
    private let server: KubernetesServer
    private let api: KubernetesAPI

    init() throws {
        server = try KubernetesServer()
        api = KubernetesAPI(server.settings)
    }

    @Test("a pod begins as a replica: what an earlier life left behind goes at once")
    func staleLabel() async throws {
        try pod("pg-0", ["role": "primary", "cnpg.io/instanceRole": "primary", "app": "pg"])
        let labels = try open()
        try await has("pg-0", ["role": "replica", "cnpg.io/instanceRole": "replica", "app": "pg"])
        try await eventually("it is known") { labels.state.applied == .replica }
        #expect(labels.state.lastError == nil)
        #expect(labels.state.repairs == 0)
    }

    @Test("the labels follow the role")
    func transitions() async throws {
        try pod("pg-0")
        let labels = try open()
        for role in [PodRole.primary, .replica, .primary] {
            labels.set(role)
            try await has("pg-0", ["role": role.rawValue, "cnpg.io/instanceRole": role.rawValue])
        }
    }

    @Test("key and values are as configured, without CloudNativePG's when those are off")
    func configured() async throws {
        try pod("pg-0", ["role": "untouched"])
        let labels = try open(
            PodLabelSettings(
                pod: "pg-0", roleLabel: "example.org/pg", primaryValue: "leader", replicaValue: "follower",
                cnpgLabels: false))
        try await has("pg-0", ["role": "untouched", "example.org/pg": "follower"])
        labels.set(.primary)
        try await has("pg-0", ["role": "untouched", "example.org/pg": "leader"])
    }

    @Test("labels that somebody else changes or takes away are put right")
    func repaired() async throws {
        try pod("pg-0")
        let labels = try open()
        labels.set(.primary)
        try await has("pg-0", ["role": "primary", "cnpg.io/instanceRole": "primary"])
        try await eventually("it is known") { labels.state.applied == .primary }
        try server.edit(.pods, "pg-0", ["metadata": ["labels": ["role": "replica"]]])
        try await eventually("it is repaired") { labels.state.repairs == 1 }
        try await has("pg-0", ["role": "primary", "cnpg.io/instanceRole": "primary"])
        try server.edit(.pods, "pg-0", ["metadata": ["labels": .null]])
        try await eventually("it is repaired") { labels.state.repairs == 2 }
        try await has("pg-0", ["role": "primary", "cnpg.io/instanceRole": "primary"])
        let patches = labels.state.patches
        try server.edit(.pods, "pg-0", ["metadata": ["labels": ["other": "label"]]])
        try await has("pg-0", ["role": "primary", "cnpg.io/instanceRole": "primary", "other": "label"])
        #expect(labels.state.patches == patches)
    }

    @Test("without a watch they are confirmed now and then")
    func confirmed() async throws {
        try pod("pg-0")
        try server.fault("status", verb: "watch", status: 403)
        let labels = try PodLabels(api, PodLabelSettings(pod: "pg-0"), confirmEvery: .milliseconds(50))
        try await eventually("it is known") { labels.state.applied == .replica }
        try server.edit(.pods, "pg-0", ["metadata": ["labels": ["role": "primary"]]])
        try await has("pg-0", ["role": "replica", "cnpg.io/instanceRole": "replica"])
    }

    @Test("while the server hangs wishes are taken, and only the latest counts afterwards")
    func latestWish() async throws {
        try pod("pg-0")
        try server.fault("hang", verb: "patch")
        let labels = try open()
        try await eventually("a patch hangs") { try server.rightsUsed().contains { $0.verb == "patch" } }
        for _ in 0..<1000 {
            labels.set(.primary)
            labels.set(.replica)
        }
        labels.set(.primary)
        #expect(labels.state.applied == nil)
        try server.heal()
        try await has("pg-0", ["role": "primary", "cnpg.io/instanceRole": "primary"])
        try await eventually("few patches were needed") { (1...2).contains(labels.state.patches) }
    }

    @Test("errors are reported with what to mend, and tried again")
    func errors() async throws {
        try pod("pg-0")
        try server.fault("status", verb: "patch", status: 403)
        let labels = try open()
        try await eventually("the error is there") {
            labels.state.lastError?.contains("add the verb 'patch' on 'pods'") == true
        }
        try server.heal()
        try await has("pg-0", ["role": "replica", "cnpg.io/instanceRole": "replica"])
        try await eventually("the error is gone") { labels.state.lastError == nil }
        #expect(labels.state.failures > 0)
    }

    @Test("another pod that has the name by now is left alone")
    func namesake() async throws {
        try server.order("pod", ["name": "pg-0", "uid": "the-new-one"])
        let labels = try open(PodLabelSettings(pod: "pg-0", podUID: "the-old-one"))
        try await eventually("it is refused") { labels.state.lastError?.contains("422") == true }
        try #expect(labelsOf("pg-0") == [:])
        let own = try open(PodLabelSettings(pod: "pg-0", podUID: "the-new-one"))
        try await has("pg-0", ["role": "replica", "cnpg.io/instanceRole": "replica"])
        own.stop()
    }

    @Test("a new primary takes the label off those that led before it, gone ones or not")
    func formerPrimaries() async throws {
        for name in ["pg-0", "pg-1", "pg-2"] { try pod(name, ["role": "primary"]) }
        let labels = try open()
        try await has("pg-0", ["role": "replica", "cnpg.io/instanceRole": "replica"])
        labels.set(.primary, formerPrimaries: ["pg-0", "pg-1", "gone"])
        try await has("pg-0", ["role": "primary", "cnpg.io/instanceRole": "primary"])
        try await has("pg-1", ["role": "replica", "cnpg.io/instanceRole": "replica"])
        try #expect(labelsOf("pg-2") == ["role": "primary"])
        labels.set(.replica, formerPrimaries: ["pg-2"])
        try await has("pg-0", ["role": "replica", "cnpg.io/instanceRole": "replica"])
        try #expect(labelsOf("pg-2") == ["role": "primary"])
        #expect(labels.state.lastError == nil)
    }

    @Test("stopping leaves the labels as they are, and ends what is on its way")
    func stopped() async throws {
        try pod("pg-0")
        let labels = try open()
        try await has("pg-0", ["role": "replica", "cnpg.io/instanceRole": "replica"])
        labels.stop()
        labels.set(.primary)
        try await eventually("the watch is closed") { try server.openConnections() <= 1 }
        try #expect(labelsOf("pg-0")["role"] == "replica")
    }

    private func open(_ settings: PodLabelSettings = PodLabelSettings(pod: "pg-0")) throws -> PodLabels {
        try PodLabels(api, settings)
    }

    private func pod(_ name: String, _ labels: [String: String] = [:]) throws {
        try server.order(
            "pod", ["name": .string(name), "labels": .object(labels.mapValues { .string($0) })])
    }

    private func labelsOf(_ pod: String) throws -> [String: String] {
        try #require(try server.object(.pods, pod)).texts("metadata", "labels")
    }

    private func has(_ pod: String, _ labels: [String: String]) async throws {
        try await eventually("\(pod) has \(labels)") { try labelsOf(pod) == labels }
    }
}
