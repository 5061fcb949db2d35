import ClusterModel
import HTTPTransport

/// How a member reaches etcd.
package struct EtcdSettings: Hashable, Sendable {
    /// Client URLs of members of one etcd cluster, as in `https://etcd-0.etcd:2379`.
    package var endpoints: [String]
    /// The key of the record; each cluster has its own.
    package var key: String
    package var tls: HTTPTLS
    /// nil: etcd asks for no password.
    package var user: String?
    /// The password of `user`, read whenever a token is asked for; a line end after it does not count.
    package var passwordFile: String?
    /// The bound of every call, whatever is tried meanwhile.
    package var callTimeout: Duration
    /// How long a watch may bring nothing before it tries another connection: a record that is in use is renewed all
    /// the time.
    package var watchSilence: Duration

    package init(
        endpoints: [String], key: String, tls: HTTPTLS = HTTPTLS(), user: String? = nil, passwordFile: String? = nil,
        callTimeout: Duration = .seconds(2), watchSilence: Duration = .seconds(15)
    ) {
        self.endpoints = endpoints
        self.key = key
        self.tls = tls
        self.user = user
        self.passwordFile = passwordFile
        self.callTimeout = callTimeout
        self.watchSilence = watchSilence
    }
}
