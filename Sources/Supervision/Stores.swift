import ClusterModel
import Configuration
import HTTPTransport
import Kubernetes
import LeaseStores
import Logging
import Platform

/// The lease store that the configuration names.
enum Stores {
    /// Errors say which key is wrong and what to do about it.
    static func open(_ configuration: PgmahoutConfiguration, _ log: Logger) throws -> any LeaseStore {
        switch configuration.lease.store {
        case .file:
            return FileLeaseStore(
                path: configuration.lease.file.path, cluster: configuration.cluster,
                callTimeout: configuration.leaseCallTimeout)
        case .etcd:
            let given = configuration.lease.etcd
            let settings = EtcdSettings(
                endpoints: given.endpoints, key: configuration.etcdKey,
                tls: HTTPTLS(
                    caFile: given.caFile, certificateFile: given.certificateFile, keyFile: given.keyFile),
                user: given.user, passwordFile: given.passwordFile, callTimeout: configuration.leaseCallTimeout)
            return EtcdLeaseStore(settings, cluster: configuration.cluster)
        case .kubernetes:
            return KubernetesLeaseStore(
                try kubernetes(configuration), name: configuration.lease.kubernetes.name,
                cluster: configuration.cluster, timeout: configuration.leaseCallTimeout
            ) { remark in
                log.warning("the Lease", metadata: ["remark": "\(remark)"])
            }
        }
    }

    static func kubernetes(_ configuration: PgmahoutConfiguration) throws(KubernetesError) -> KubernetesSettings {
        let given = configuration.lease.kubernetes
        return try KubernetesSettings.resolve(
            url: given.url, tokenFile: given.tokenFile, caFile: given.caFile,
            namespace: given.namespace ?? configuration.podNamespace, environment: Command.inheritedEnvironment)
    }
}
