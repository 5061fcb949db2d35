import ClusterModel
import Configuration
import Kubernetes
import Platform
import TestSupport
import Testing
import Yams

/// What `deploy/base` says in several places fits together, and with the code.
@Suite struct BaseTests {
    private let manifests: Manifests
    private let pod: Node
    private let container: Node

    init() async throws {
        manifests = try await Manifests("deploy/base")
        pod = try #require(try manifests["StatefulSet", "pg"].at("spec", "template"))
        container = try #require(pod.at("spec", "containers")?.list.first)
    }

    @Test("it renders all that a cluster is made of")
    func rendered() {
        let kinds = manifests.all.map { "\($0["kind"]?.string ?? "") \($0["metadata"]?["name"]?.string ?? "")" }
        #expect(
            Set(kinds) == [
                "StatefulSet pg", "Service pg-pods", "Service pg-rw", "Service pg-ro", "Service pg-r",
                "ServiceAccount pg", "Role pg", "RoleBinding pg", "PodDisruptionBudget pg", "ConfigMap pg-config",
            ])
        #expect(kinds.count == 10)
        #expect(!manifests.text.contains("kind: Secret"))
    }

    @Test("the configuration in it is loaded, with the environment that the pod gives")
    func configurationIsValid() throws {
        let configuration = try configuration()
        #expect(configuration.cluster == "pg")
        #expect(configuration.member == "pg-1")
        #expect(configuration.postgres.host == "10.1.2.3")
        #expect(configuration.lease.store == .kubernetes)
        #expect(configuration.kubernetesAccess.url == "https://10.96.0.1:443")
        #expect(configuration.kubernetesAccess.namespace == "databases")
    }

    @Test("what the configuration names is mounted: data, secrets, run directory, itself")
    func mounts() throws {
        let configuration = try configuration()
        var mounts: [String: String] = [:]
        for mount in container["volumeMounts"]?.list ?? [] {
            mounts[try #require(mount["mountPath"]?.string)] = mount["name"]?.string
        }
        func volume(of path: String) -> String? {
            mounts.filter { path.hasPrefix($0.key + "/") }.max { $0.key.count < $1.key.count }?.value
        }
        #expect(volume(of: configuration.dataDirectory) == "data")
        #expect(volume(of: configuration.runDirectory) == "run")
        #expect(volume(of: "/etc/pgmahout/pgmahout.yaml") == "config")
        let secrets = [
            configuration.postgres.superuserPasswordFile, configuration.postgres.replicationPasswordFile,
            configuration.http.tokenFile, configuration.peers.secretFile,
        ]
        let example = try #require(
            try compose(yaml: Files.readText(Repository.file("deploy/base/secret-example.yaml"))))
        var keys: Set<String> = []
        for secret in secrets {
            let path = try #require(secret)
            #expect(volume(of: path) == "secrets")
            keys.insert(String(path.split(separator: "/").last ?? ""))
        }
        #expect(Set(try #require(example["stringData"]).texts.keys) == keys)
        let reference = pod.at("spec", "volumes")?.list.first { $0["name"]?.string == "secrets" }
        #expect(reference?.at("secret", "secretName")?.string == example.at("metadata", "name")?.string)
        let volumes = Set((pod.at("spec", "volumes")?.list ?? []).compactMap { $0["name"]?.string })
        #expect(volumes.union(["data"]) == Set(mounts.values))
    }

    @Test("the Services select by the labels that members keep, and lead to the ports that they listen on")
    func services() throws {
        let configuration = try configuration()
        let lease = configuration.lease.kubernetes
        let labels = try #require(pod.at("metadata", "labels")).texts
        let roles = [
            "pg-rw": lease.primaryLabelValue, "pg-ro": lease.replicaLabelValue, "pg-r": nil, "pg-pods": nil,
        ]
        for (name, role) in roles {
            var selector = try #require(manifests["Service", name].at("spec", "selector")).texts
            #expect(selector.removeValue(forKey: lease.roleLabel) == role, "\(name)")
            #expect(selector == labels, "\(name)")
            for port in try manifests["Service", name].at("spec", "ports")?.list ?? [] {
                let target = port["targetPort"]?.string
                let found = container["ports"]?.list.first { $0["name"]?.string == target }
                let number = target == "http" ? configuration.http.port : configuration.postgres.port
                #expect(found?["containerPort"]?.int == number, "\(name)")
            }
        }
        let headless = try manifests["Service", "pg-pods"]
        #expect(headless.at("spec", "clusterIP")?.string == "None")
        #expect(headless.at("spec", "publishNotReadyAddresses")?.bool == true)
        let stateful = try manifests["StatefulSet", "pg"]
        #expect(stateful.at("spec", "serviceName")?.string == "pg-pods")
        #expect(stateful.at("spec", "podManagementPolicy")?.string == "Parallel")
        let selectors = [
            stateful.at("spec", "selector", "matchLabels"),
            try manifests["PodDisruptionBudget", "pg"].at("spec", "selector", "matchLabels"),
        ]
        for selector in selectors { #expect(selector?.texts == labels) }
    }

    @Test("the probes ask the port of the management interface for what it answers")
    func probes() {
        let paths = ["startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"]
        for (probe, path) in paths {
            #expect(container.at(probe, "httpGet", "path")?.string == path)
            #expect(container.at(probe, "httpGet", "port")?.string == "http")
        }
    }

    @Test("the time to end is enough for handing over and for every stage of a shutdown")
    func gracePeriod() throws {
        let configuration = try configuration()
        let stages = configuration.shutdown.smart + configuration.shutdown.fast + configuration.shutdown.immediate
        let grace = try #require(pod.at("spec", "terminationGracePeriodSeconds")?.int)
        #expect(.seconds(grace) >= stages + configuration.lease.duration + .seconds(10))
    }

    @Test("the pod runs without root and without rights that it does not need")
    func security() {
        let context = pod.at("spec", "securityContext")
        #expect(context?["runAsNonRoot"]?.bool == true)
        #expect(context?["runAsUser"]?.int == 999)
        #expect(context?["fsGroup"]?.int == 999)
        let own = container["securityContext"]
        #expect(own?["allowPrivilegeEscalation"]?.bool == false)
        #expect(own?["readOnlyRootFilesystem"]?.bool == true)
        #expect(own?.at("capabilities", "drop")?.list.compactMap(\.string) == ["ALL"])
        #expect(pod.at("spec", "serviceAccountName")?.string == "pg")
        #expect(pod.at("spec", "automountServiceAccountToken")?.bool == true)
        #expect(pod.at("spec", "enableServiceLinks")?.bool == false)
    }

    @Test("the Role is the service account's, and is for the Lease that the configuration names")
    func lease() throws {
        let configuration = try configuration()
        let binding = try manifests["RoleBinding", "pg"]
        #expect(binding.at("roleRef", "name")?.string == "pg")
        #expect(binding["subjects"]?.list.first?["name"]?.string == "pg")
        let named = try manifests["Role", "pg"]["rules"]?.list.compactMap { $0["resourceNames"]?.list.first?.string }
        #expect(named == [configuration.lease.kubernetes.name])
    }

    /// As a pod would load it: every variable that the StatefulSet sets, and those of Kubernetes.
    private func configuration() throws -> PgmahoutConfiguration {
        let downward: [String: String] = [
            "metadata.name": "pg-1", "metadata.namespace": "databases", "metadata.uid": "u-1",
            "status.podIP": "10.1.2.3",
        ]
        var environment = ["KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"]
        for variable in container["env"]?.list ?? [] {
            let name = try #require(variable["name"]?.string)
            let field = variable.at("valueFrom", "fieldRef", "fieldPath")?.string ?? ""
            let value: String = try #require(downward[field])
            environment[name] = value
        }
        let text = try #require(try manifests["ConfigMap", "pg-config"].at("data", "pgmahout.yaml")?.string)
        return try ConfigurationLoader.load(
            text: text, path: "pgmahout.yaml", environment: environment, checks: .textOnly)
    }
}
