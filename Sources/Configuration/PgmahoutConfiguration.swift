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
    package var dataDirectory = ""
    /// Sockets and FIFOs: short, and reachable by nobody else.
    package var runDirectory = ""
    package var postgres = Postgres()
    package var bootstrap = Bootstrap()
    package var http = HTTP()
    package var lease = Lease()
    package var replication = Replication()
    package var failover = Failover()
    package var shutdown = Shutdown()
    /// nil: nothing is archived.
    package var archive: Archive?
    package var log = Log()

    /// Blank: the loader fills in every value from the schema, so that no default stands in two places.
    init() {}

    /// `http://host:port` at which other members and people reach this member's management interface.
    package var apiURL: String {
        "http://" + (http.advertise.contains(":") ? "[\(http.advertise)]" : http.advertise) + ":\(http.port)"
    }
}
