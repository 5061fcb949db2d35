import ClusterModel

/// A kind of object in the namespace.
package struct KubernetesResource: Hashable, Sendable {
    /// Empty for the core group.
    package var group: String
    package var plural: String
    package var kind: String

    package static let leases = KubernetesResource(group: "coordination.k8s.io", plural: "leases", kind: "Lease")
    package static let pods = KubernetesResource(group: "", plural: "pods", kind: "Pod")
    package static let events = KubernetesResource(group: "", plural: "events", kind: "Event")

    /// `leases.coordination.k8s.io`, as Kubernetes' own messages say.
    var qualifiedName: String { group.isEmpty ? plural : "\(plural).\(group)" }

    /// `apiVersion` of an object.
    package var version: String { group.isEmpty ? "v1" : "\(group)/v1" }

    func path(namespace: String, name: String?) -> String {
        let base = group.isEmpty ? "/api/v1" : "/apis/\(group)/v1"
        let all = "\(base)/namespaces/\(namespace.percentEncoded)/\(plural)"
        return name.map { "\(all)/\($0.percentEncoded)" } ?? all
    }
}

/// One call, named as RBAC names it.
package struct KubernetesCall: Sendable {
    package enum Verb: String, Sendable {
        case get, create, update, patch, watch

        var method: String {
            switch self {
            case .get, .watch: "GET"
            case .create: "POST"
            case .update: "PUT"
            case .patch: "PATCH"
            }
        }
    }

    package var verb: Verb
    package var resource: KubernetesResource
    /// nil for `create`.
    package var name: String?
    package var query: [(String, String)]
    package var body: JSONValue?
    /// From the start to the last byte of the answer, a second attempt after a 401 included.
    package var timeout: Duration

    package init(
        _ verb: Verb, _ resource: KubernetesResource, name: String? = nil, query: [(String, String)] = [],
        body: JSONValue? = nil, timeout: Duration = .seconds(5)
    ) {
        self.verb = verb
        self.resource = resource
        self.name = name
        self.query = query
        self.body = body
        self.timeout = timeout
    }

    /// With the name of one object in a selector for `watch`: so RBAC can bind the right to that name.
    func url(_ settings: KubernetesSettings) -> String {
        var query = query
        if verb == .watch {
            query.append(("watch", "true"))
            if let name { query.append(("fieldSelector", "metadata.name=\(name)")) }
        }
        let path = resource.path(namespace: settings.namespace, name: verb == .watch ? nil : name)
        let arguments = query.map { "\($0.0)=\($0.1.percentEncoded)" }.joined(separator: "&")
        return settings.url + path + (arguments.isEmpty ? "" : "?\(arguments)")
    }
}

extension String {
    /// Everything but the unreserved characters of RFC 3986.
    var percentEncoded: String {
        var result = ""
        for byte in utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                result += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return result
    }
}
