/// Variables that Kubernetes sets in every pod for a service that happens to be called pgmahout, or pgmahout-something:
/// `PGMAHOUT_SERVICE_HOST`, `PGMAHOUT_PORT=tcp://10.0.0.7:5432`, `PGMAHOUT_PORT_5432_TCP_ADDR`. Nobody meant them for us.
enum KubernetesServiceVariables {
    static func contains(_ name: String, value: String) -> Bool {
        if name.hasSuffix("_SERVICE_HOST") || name.hasSuffix("_SERVICE_PORT") || name.contains("_SERVICE_PORT_") {
            return true
        }
        if ["tcp://", "udp://", "sctp://"].contains(where: value.hasPrefix) { return true }
        // `…_PORT_5432_TCP_ADDR`, `_PORT`, `_PROTO`.
        let words = name.split(separator: "_").suffix(4).map { String($0) }
        guard words.count == 4 else { return false }
        return words[0] == "PORT" && UInt16(words[1]) != nil && ["TCP", "UDP", "SCTP"].contains(words[2])
            && ["ADDR", "PORT", "PROTO"].contains(words[3])
    }
}
