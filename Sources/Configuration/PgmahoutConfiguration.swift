import ClusterModel

/// Everything a member is told: one YAML file with environment variables over it, validated as a whole.
///
/// Made only by `ConfigurationLoader`; names equal the keys of the file, and defaults, ranges and documentation stand in
/// `Schema`. Paths are absolute, sizes are bytes.
package struct PgmahoutConfiguration: Hashable, Sendable {
    package var cluster = ""
    /// `POD_NAME` unless the file says otherwise.
    package var member = MemberName("")
    /// `POD_UID`; empty outside of Kubernetes. Only tells pods of one name apart, together with a boot id.
    package var podUID = ""
    /// `POD_NAMESPACE`; nil outside of Kubernetes.
    package var podNamespace: String?
    /// `https://host:port` of the API server, from the variables that Kubernetes sets in every pod; nil outside.
    package var kubernetesService: String?
    package var dataDirectory = ""
    /// Sockets and FIFOs: short, and reachable by nobody else.
    package var runDirectory = ""
    package var postgres = Postgres()
    package var bootstrap = Bootstrap()
    package var http = HTTP()
    package var lease = Lease()
    /// What this member's part in the cluster is.
    package var traits = MemberTraits()
    package var peers = Peers()
    package var synchronous = Synchronous()
    package var replication = Replication()
    package var failover = Failover()
    package var shutdown = Shutdown()
    package var ballast = Ballast()
    package var slots = Slots()
    package var divergedWAL = DivergedWAL()
    /// nil: nothing is archived.
    package var archive: Archive?
    /// nil: no other cluster is followed, now or later.
    package var standbyCluster: StandbyCluster?
    package var log = Log()

    /// Blank: the loader fills in every value from the schema, so that no default stands in two places.
    init() {}

    /// `http://host:port`, or `https://host:port` where there is a certificate, at which other members and people reach this member's management interface.
    package var apiURL: String {
        (http.tls.certificateFile == nil ? "http://" : "https://")
            + (http.advertise.contains(":") ? "[\(http.advertise)]" : http.advertise) + ":\(http.port)"
    }
}
