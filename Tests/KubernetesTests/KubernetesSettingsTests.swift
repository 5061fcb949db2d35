import Kubernetes
import Platform
import TestSupport
import Testing

@Suite struct KubernetesSettingsTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        try Files.writeDurably("secret\n".utf8, to: directory.file("token"))
        try Files.writeDurably("certificate".utf8, to: directory.file("ca.crt"))
        try Files.writeDurably("from-the-file\n".utf8, to: directory.file("namespace"))
    }

    @Test("a pod finds everything by itself")
    func inCluster() throws {
        let settings = try resolve(environment: [
            "KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "6443",
        ])
        #expect(
            settings
                == KubernetesSettings(
                    url: "https://10.96.0.1:6443", tokenFile: directory.file("token"),
                    caFile: directory.file("ca.crt"), namespace: "from-the-file"))
    }

    @Test("an IPv6 address is put in brackets, a missing port is 443, and POD_NAMESPACE comes before the file")
    func variants() throws {
        let settings = try resolve(environment: ["KUBERNETES_SERVICE_HOST": "fd00::1", "POD_NAMESPACE": "databases"])
        #expect(settings.url == "https://[fd00::1]:443")
        #expect(settings.namespace == "databases")
    }

    @Test("an address that is given gets nothing of the pod's: its token must not be sent elsewhere")
    func explicitAddress() throws {
        let settings = try resolve(
            url: "https://api.example.org/prefix/", namespace: "n", environment: ["KUBERNETES_SERVICE_HOST": "10.0.0.1"]
        )
        #expect(
            settings
                == KubernetesSettings(
                    url: "https://api.example.org/prefix", tokenFile: nil, caFile: nil, namespace: "n"))
        let named = try resolve(
            url: "https://api.example.org", tokenFile: "/a", caFile: "/b", namespace: "n", environment: [:])
        #expect(named.tokenFile == "/a" && named.caFile == "/b")
    }

    @Test("what is missing is named, with the key that can give it")
    func missing() throws {
        expect("KUBERNETES_SERVICE_HOST", "lease.kubernetes.url") { try resolve(environment: [:]) }
        try Files.remove(directory.file("namespace"))
        expect("lease.kubernetes.namespace", "POD_NAMESPACE") {
            try resolve(environment: ["KUBERNETES_SERVICE_HOST": "10.0.0.1"])
        }
        try Files.remove(directory.file("token"))
        expect("automountServiceAccountToken", "lease.kubernetes.tokenFile") {
            try resolve(environment: ["KUBERNETES_SERVICE_HOST": "10.0.0.1"])
        }
    }

    @Test(
        "a URL that is none is refused",
        arguments: ["10.0.0.1:6443", "ftp://x", "https://", "https://a b", "https://a?b"])
    func badAddress(_ url: String) throws {
        expect("lease.kubernetes.url") { try resolve(url: url, namespace: "n", environment: [:]) }
    }

    @Test("a token goes over plain HTTP on loopback only")
    func plainText() throws {
        expect("in the clear") {
            try resolve(url: "http://10.0.0.1:8001", tokenFile: "/a", namespace: "n", environment: [:])
        }
        let proxy = try resolve(url: "http://127.0.0.1:8001", tokenFile: "/a", namespace: "n", environment: [:])
        #expect(proxy.tokenFile == "/a" && proxy.caFile == nil)
        #expect(throws: Never.self) { try resolve(url: "http://10.0.0.1:8001", namespace: "n", environment: [:]) }
    }

    private func resolve(
        url: String? = nil, tokenFile: String? = nil, caFile: String? = nil, namespace: String? = nil,
        environment: [String: String]
    ) throws -> KubernetesSettings {
        try KubernetesSettings.resolve(
            url: url, tokenFile: tokenFile, caFile: caFile, namespace: namespace, environment: environment,
            serviceAccount: directory.path)
    }

    private func expect(
        _ texts: String..., at location: SourceLocation = #_sourceLocation, _ body: () throws -> KubernetesSettings
    ) {
        #expect(sourceLocation: location) { _ = try body() } throws: { error in
            guard case KubernetesError.configuration(let reason) = error else { return false }
            return texts.allSatisfy { reason.contains($0) }
        }
    }
}
