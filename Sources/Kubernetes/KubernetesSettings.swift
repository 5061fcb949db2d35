import Platform

/// Where the API server is, whom to trust, and who we are.
package struct KubernetesSettings: Hashable, Sendable {
    /// `https://host:port`, without a slash at the end.
    package var url: String
    /// Read for every call, because tokens rotate. nil: none is sent.
    package var tokenFile: String?
    /// PEM; nil: the authorities of the system.
    package var caFile: String?
    package var namespace: String

    package init(url: String, tokenFile: String?, caFile: String?, namespace: String) {
        self.url = url
        self.tokenFile = tokenFile
        self.caFile = caFile
        self.namespace = namespace
    }

    /// Where the kubelet mounts the service account's `token`, `ca.crt` and `namespace`.
    package static let serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// What Kubernetes gives every pod: `KUBERNETES_SERVICE_HOST` and `…_PORT`, token and CA of the service account; and
    /// what is given instead. With a `url` only the token and the CA that are given are used: the token of one cluster
    /// must not be sent to another. The namespace is `POD_NAMESPACE`, or that of the service account.
    ///
    /// Errors: `configuration`, which names what is missing and the key that can give it.
    package static func resolve(
        url: String? = nil, tokenFile: String? = nil, caFile: String? = nil, namespace: String? = nil,
        environment: [String: String], serviceAccount: String = Self.serviceAccount
    ) throws(KubernetesError) -> KubernetesSettings {
        func mounted(_ name: String) -> String? {
            let path = "\(serviceAccount)/\(name)"
            return Files.exists(path) ? path : nil
        }
        let address = if let url { try checked(url) } else { try address(environment) }
        let isEncrypted = address.hasPrefix("https://")
        let token = tokenFile ?? (url == nil ? mounted("token") : nil)
        let ca = caFile ?? (url == nil ? mounted("ca.crt") : nil)
        if url == nil, token == nil {
            throw .configuration(
                "there is no token at '\(serviceAccount)/token': set automountServiceAccountToken in the pod, or "
                    + "lease.kubernetes.tokenFile")
        }
        if !isEncrypted, token != nil, !isLoopback(address) {
            throw .configuration(
                "'\(address)' would get the token in the clear: lease.kubernetes.url has to begin with https://")
        }
        let namespace = if let namespace { namespace } else { try ownNamespace(environment, mounted("namespace")) }
        return KubernetesSettings(
            url: address, tokenFile: token, caFile: isEncrypted ? ca : nil,
            namespace: namespace)
    }

    private static func address(_ environment: [String: String]) throws(KubernetesError) -> String {
        guard let host = environment["KUBERNETES_SERVICE_HOST"], !host.isEmpty else {
            throw .configuration(
                "this is no pod: KUBERNETES_SERVICE_HOST is not set. Outside of Kubernetes set lease.kubernetes.url")
        }
        let port = environment["KUBERNETES_SERVICE_PORT_HTTPS"] ?? environment["KUBERNETES_SERVICE_PORT"] ?? "443"
        return "https://\(host.contains(":") ? "[\(host)]" : host):\(port)"
    }

    private static func checked(_ url: String) throws(KubernetesError) -> String {
        var url = url
        while url.hasSuffix("/") { url.removeLast() }
        let isClean = url.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f } && !url.contains("?") && !url.contains("#")
        guard isClean, ["https://", "http://"].contains(where: { url.hasPrefix($0) && url.count > $0.count }) else {
            throw .configuration("lease.kubernetes.url: '\(url)' is not of the form https://host:port")
        }
        return url
    }

    private static func ownNamespace(
        _ environment: [String: String], _ file: String?
    ) throws(KubernetesError) -> String {
        if let name = environment["POD_NAMESPACE"], !name.isEmpty { return name }
        if let file, let text = try? Files.readText(file, limit: 1024) {
            let name = String(text.filter { !$0.isWhitespace })
            if !name.isEmpty { return name }
        }
        throw .configuration(
            "the namespace is not known: set lease.kubernetes.namespace, or POD_NAMESPACE by the downward API")
    }

    private static func isLoopback(_ url: String) -> Bool {
        ["http://127.", "http://localhost:", "http://localhost/", "http://[::1]"].contains { "\(url)/".hasPrefix($0) }
    }
}
