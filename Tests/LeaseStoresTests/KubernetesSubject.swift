import Kubernetes
import LeaseStores
import Platform
import Synchronization
import TestSupport

/// A Lease at a stand-in API server of its own.
final class KubernetesSubject: LeaseStoreSubject {
    static let name = "demo"
    let server: KubernetesServer
    let bound = Duration.seconds(2)

    init() throws { server = try KubernetesServer() }

    func open() -> any LeaseStore { store(server.settings) }
    func openDirect() -> any LeaseStore { store(server.directSettings) }
    func openForeign() -> any LeaseStore { store(server.settings, cluster: "another") }

    func store(
        _ settings: KubernetesSettings, cluster: String = LeaseStoreConformance.cluster,
        onRemark: (@Sendable (String) -> Void)? = nil
    ) -> KubernetesLeaseStore {
        KubernetesLeaseStore(settings, name: Self.name, cluster: cluster, timeout: bound, onRemark: onRemark)
    }

    func deleteRecord() throws { try server.delete(.leases, Self.name) }

    func corruptRecord() throws { try annotate("{\"format\":1,") }

    func putNewerRecord(format: Int) throws {
        try annotate(#"{"format":\#(format),"cluster":"\#(LeaseStoreConformance.cluster)","holder":{"now":"new"}}"#)
    }

    private func annotate(_ record: String) throws {
        try server.edit(
            .leases, Self.name, ["metadata": ["annotations": ["pgmahout.io/record": .string(record)]]])
    }

    func keepCopy() throws { try server.order("snapshot") }
    func restoreCopy() throws { try server.order("roll-back") }

    func loseNextReply() throws { try server.fault("apply-cut", verb: "write", count: 1) }

    func slow(by delay: Duration) throws {
        try server.heal()
        let milliseconds = delay.components.seconds * 1000 + delay.components.attoseconds / 1_000_000_000_000_000
        if milliseconds > 0 { try server.fault("latency", milliseconds: milliseconds) }
    }

    func pause() throws { try server.order("pause") }
    func resume() throws { try server.order("resume") }
    func disconnect() throws { try server.order("disconnect") }
    func reconnect() throws { try server.order("reconnect") }
}
