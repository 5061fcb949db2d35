import Configuration
import Testing

struct StoresTests {
    private let pod = ["KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443", "POD_NAMESPACE": "db"]

    private func lease(_ text: String) -> String {
        minimal().replacing("lease: {file: {path: /shared/demo.lease}}", with: "lease: {\(text)}")
    }

    private func keysAndFinds(_ text: String, environment: [String: String] = [:]) -> [String] {
        mistakes(text, environment: environment).map { "\($0.key): \($0.found)" }
    }

    @Test("in a pod, nothing but the name of the store is needed for a Lease")
    func inPod() throws {
        let configuration = try load(lease("store: kubernetes"), environment: pod)
        let given = configuration.lease.kubernetes
        #expect(given.name == "demo" && given.roleLabel == "role")
        #expect(given.primaryLabelValue == "primary" && given.replicaLabelValue == "replica")
        #expect(given.cnpgLabels && given.events && given.callTimeout == .seconds(2))
        let access = configuration.kubernetesAccess
        #expect(access.url == "https://10.96.0.1:443" && access.namespace == "db")
        #expect(access.tokenFile == "/var/run/secrets/kubernetes.io/serviceaccount/token")
        #expect(access.caFile == "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt")
    }

    @Test("the variables alone choose it too, and an API server may have an IPv6 address")
    func environment() throws {
        let text = minimal().replacing("lease: {file: {path: /shared/demo.lease}}\n", with: "")
        let configuration = try load(
            text,
            environment: [
                "PGMAHOUT_LEASE_STORE": "kubernetes", "KUBERNETES_SERVICE_HOST": "fd00::1",
                "KUBERNETES_SERVICE_PORT": "6443", "PGMAHOUT_LEASE_KUBERNETES_ROLE_LABEL": "example.com/role",
            ])
        #expect(configuration.kubernetesAccess.url == "https://[fd00::1]:6443")
        #expect(configuration.kubernetesAccess.namespace == nil)
        #expect(configuration.lease.kubernetes.roleLabel == "example.com/role")
    }

    @Test("an address that is given gets no token of the pod's own cluster")
    func explicit() throws {
        let configuration = try load(
            lease("store: kubernetes, kubernetes: {url: \"https://other:6443/\", namespace: x}"), environment: pod)
        let access = configuration.kubernetesAccess
        #expect(access.url == "https://other:6443" && access.namespace == "x")
        #expect(access.tokenFile == nil && access.caFile == nil)
    }

    @Test(
        "a proxy on the machine itself may be sent a token without TLS", arguments: ["127.0.0.1", "localhost", "[::1]"])
    func proxy(host: String) throws {
        let text = lease("store: kubernetes, kubernetes: {url: \"http://\(host):8001\", tokenFile: /t}")
        #expect(try load(text, environment: pod).kubernetesAccess.tokenFile == "/t")
    }

    @Test("outside of a pod the API server must be named")
    func outside() {
        #expect(
            keysAndFinds(lease("store: kubernetes")) == [
                "lease.kubernetes.url: missing, and this is no pod: KUBERNETES_SERVICE_HOST is not set"
            ])
        #expect(
            mistakes(lease("store: kubernetes, kubernetes: {url: \"https://h\"}")).map(\.key) == [
                "lease.kubernetes.namespace"
            ])
    }

    @Test("etcd needs endpoints, and takes any number of them")
    func etcd() throws {
        let configuration = try load(
            lease("store: etcd, etcd: {endpoints: [\"http://10.0.0.1:2379\", \"http://[fd00::2]:2379/\"]}"))
        #expect(configuration.lease.etcd.endpoints == ["http://10.0.0.1:2379", "http://[fd00::2]:2379"])
        #expect(configuration.etcdKey == "/pgmahout/demo/record")
        #expect(keysAndFinds(lease("store: etcd")) == ["lease.etcd.endpoints: missing"])
        #expect(
            try load(
                lease("store: etcd"), environment: ["PGMAHOUT_LEASE_ETCD_ENDPOINTS": "[\"https://e:2379\"]"]
            ).lease.etcd.endpoints == ["https://e:2379"])
    }

    @Test(
        "what is no endpoint is named by its place in the list",
        arguments: [
            "10.0.0.1:2379", "http://10.0.0.1", "ftp://h:1", "http://:2379", "http://h:0", "http://h:70000",
            "http://h:+1", "http://a b:1", "http://h:1/v3", "http://h:1?x", "http://h:2379, http://h:2379/", "",
        ])
    func endpoint(text: String) {
        let list = text.split(separator: ", ").map { "\"\($0)\"" }.joined(separator: ", ")
        let found = mistakes(lease("store: etcd, etcd: {endpoints: [\(list)]}"))
        #expect(found.count == 1)
        #expect(found.first?.key.hasPrefix("lease.etcd.endpoints") == true)
    }

    @Test("settings of another store are a mistake that says which is chosen, from the file and from the environment")
    func twoStores() {
        #expect(
            keysAndFinds(lease("store: etcd, etcd: {endpoints: [\"http://e:1\"]}, file: {path: /l}")) == [
                "lease.file: found settings of the store 'file', but lease.store is 'etcd'"
            ])
        #expect(
            keysAndFinds(lease("etcd: {endpoints: [\"http://e:1\"]}")) == [
                "lease.file.path: missing",
                "lease.etcd: found settings of the store 'etcd', but lease.store is 'file'",
            ])
        let found = mistakes(minimal(), environment: ["PGMAHOUT_LEASE_ETCD_USER": "u"])
        #expect(found.map(\.place) == [.environment("PGMAHOUT_LEASE_ETCD_USER")])
    }

    @Test("an unknown store is one mistake, not one for each key of a store")
    func unknownStore() {
        let found = mistakes(lease("store: zookeeper"))
        #expect(found.map(\.key) == ["lease.store"])
        #expect(found.first?.allowed == "file, etcd or kubernetes")
    }

    @Test(
        "what goes together is given together",
        arguments: [
            ("certificateFile: /c", "lease.etcd.certificateFile"), ("keyFile: /k", "lease.etcd.certificateFile"),
            ("user: u", "lease.etcd.user"), ("passwordFile: /p", "lease.etcd.user"),
        ])
    func together(settings: String, key: String) {
        let text = lease("store: etcd, etcd: {endpoints: [\"https://e:1\"], \(settings)}")
        #expect(mistakes(text).map(\.key) == [key])
    }

    @Test("one slow call leaves time for another before the lease is given up")
    func callTimeout() throws {
        func timeout(_ settings: String) throws -> Duration {
            try load(lease("store: etcd, etcd: {endpoints: [\"http://e:1\"]}" + settings)).leaseCallTimeout
        }
        #expect(try timeout("") == .seconds(2))
        #expect(try timeout(", duration: 2s, giveUpAfter: 1200ms, renewEvery: 300ms") == .milliseconds(900))
        #expect(try load(minimal()).leaseCallTimeout == .seconds(2))
    }

    @Test("certificates beside an endpoint without TLS are a mistake")
    func plain() {
        let text = lease("store: etcd, etcd: {endpoints: [\"https://e:1\", \"http://f:1\"], caFile: /ca}")
        #expect(
            keysAndFinds(text) == [
                "lease.etcd.endpoints: found 'http://f:1' beside certificates, which it would not use"
            ])
    }

    @Test(
        "labels are what Kubernetes takes, and tell a primary from a replica",
        arguments: [
            ("roleLabel: \"-x\"", "roleLabel"), ("roleLabel: a/b/c", "roleLabel"), ("roleLabel: Ex_a/b", "roleLabel"),
            ("roleLabel: cnpg.io/instanceRole", "roleLabel"), ("primaryLabelValue: \"a b\"", "primaryLabelValue"),
            ("primaryLabelValue: replica", "replicaLabelValue"), ("url: \"https://h:1?x=1\"", "url"),
            ("url: \"http://h:1\", caFile: /ca", "url"),
            ("url: \"http://10.0.0.1:80\", tokenFile: /t", "url"),
        ])
    func labels(settings: String, key: String) {
        let text = lease("store: kubernetes, kubernetes: {\(settings)}")
        #expect(mistakes(text, environment: pod).map(\.key) == ["lease.kubernetes.\(key)"])
    }

    @Test("the files of the chosen store must be there, those of the others are not looked for")
    func files() {
        let files = ConfigurationFiles(
            read: { path, _ throws(ConfigurationFiles.Problem) in
                switch path {
                case "/good": Array("-----BEGIN CERTIFICATE-----".utf8)
                case "/bad": Array("hunter2".utf8)
                default: throw ConfigurationFiles.Problem("No such file or directory")
                }
            }, isExecutable: { _ in true })
        let etcd = lease(
            """
            store: etcd, etcd: {endpoints: ["https://e:1"], caFile: /bad, certificateFile: /good, keyFile: /gone, \
            user: u, passwordFile: /gone}
            """)
        #expect(
            mistakes(etcd, files: files).map { "\($0.key): \($0.found)" } == [
                "lease.etcd.caFile: '/bad' has no PEM block",
                "lease.etcd.keyFile: '/gone' cannot be read: No such file or directory",
                "lease.etcd.passwordFile: '/gone' cannot be read: No such file or directory",
            ])
        #expect(
            mistakes(lease("store: kubernetes"), environment: ["KUBERNETES_SERVICE_HOST": "h"], files: files)
                .map(\.key).sorted() == [
                    "lease.kubernetes.caFile", "lease.kubernetes.namespace", "lease.kubernetes.tokenFile",
                ])
        #expect(mistakes(minimal(), files: files).isEmpty)
    }
}
