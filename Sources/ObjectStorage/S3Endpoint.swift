/// The address of a bucket: what of it goes into the URL, into the header `Host`, and into the path.
struct S3Endpoint: Hashable, Sendable {
    let scheme: String
    /// In lower case, with the port unless it is the scheme's own: exactly what libcurl sends as `Host`.
    let host: String
    /// In front of every key: what the endpoint came with, and the bucket when it is addressed by path; no `/` behind.
    let path: String

    /// - Parameter region: in place of the one in the settings, which a store may have corrected.
    init(_ settings: S3Settings, region: String? = nil) throws(S3SettingsError) {
        let region = region ?? Self.region(of: settings)
        let isChina = region.hasPrefix("cn-")
        let url = settings.endpoint ?? "https://s3.\(region).amazonaws.com\(isChina ? ".cn" : "")"
        let (scheme, host, port, path) = try Self.parse(url)
        self.scheme = scheme
        let isVirtual =
            switch settings.addressing {
            case .path: false
            case .virtualHost: true
            case .automatic: Self.isAWS(host) && Self.canBeHost(settings.bucket)
            }
        self.host = (isVirtual ? "\(settings.bucket.lowercased())." : "") + host + (port.map { ":\($0)" } ?? "")
        self.path = path + (isVirtual ? "" : "/\(PercentEncoding.encode(settings.bucket))")
    }

    /// The path of a key, or of the bucket; encoded.
    func path(of key: String?) -> String {
        guard let key else { return path.isEmpty ? "/" : path }
        return "\(path)/\(PercentEncoding.encode(key, keepingSlashes: true))"
    }

    /// What requests are signed for before any store has said anything.
    static func region(of settings: S3Settings) -> String {
        if let region = settings.region { return region }
        guard let endpoint = settings.endpoint, let (_, host, _, _) = try? parse(endpoint) else { return "us-east-1" }
        let labels = host.split(separator: ".").map(String.init)
        // `s3.<region>.amazonaws.com`, `s3.<region>.backblazeb2.com` and the like.
        if labels.count == 4 || labels.count == 5, labels[0] == "s3", labels[1].contains("-") { return labels[1] }
        return host.hasSuffix(".r2.cloudflarestorage.com") ? "auto" : "us-east-1"
    }

    private static func isAWS(_ host: String) -> Bool {
        host.hasSuffix(".amazonaws.com") || host.hasSuffix(".amazonaws.com.cn")
    }

    /// A dot would be outside of what the certificate covers.
    private static func canBeHost(_ bucket: String) -> Bool {
        bucket.utf8.count <= 63 && bucket == bucket.lowercased() && !bucket.contains(".") && !bucket.contains("_")
    }

    private static func parse(
        _ url: String
    ) throws(S3SettingsError) -> (scheme: String, host: String, port: Int?, path: String) {
        func mistake(_ text: String) -> S3SettingsError {
            S3SettingsError("the endpoint '\(url)' \(text): it has to be like 'https://s3.example.com:9000'")
        }
        guard let end = url.firstRange(of: "://") else { throw mistake("has no scheme") }
        let scheme = url[..<end.lowerBound].lowercased()
        guard scheme == "http" || scheme == "https" else { throw mistake("is neither http nor https") }
        let rest = url[end.upperBound...]
        guard !rest.contains(where: { $0 == "?" || $0 == "#" || $0 == "@" || $0.isWhitespace }) else {
            throw mistake("has something in it that does not belong there")
        }
        let authority = rest.prefix { $0 != "/" }.lowercased()
        let path = rest.dropFirst(authority.count).split(separator: "/").map { "/\($0)" }.joined()
        // An IPv6 address has colons of its own, within brackets.
        let afterBracket = authority.lastIndex(of: "]") ?? authority.startIndex
        guard let colon = authority[afterBracket...].lastIndex(of: ":") else {
            guard !authority.isEmpty else { throw mistake("names no host") }
            return (scheme, authority, nil, path)
        }
        let host = String(authority[..<colon])
        guard let port = Int(authority[authority.index(after: colon)...]), (1...65_535).contains(port), !host.isEmpty
        else { throw mistake("has no valid port") }
        return (scheme, host, port == (scheme == "https" ? 443 : 80) ? nil : port, path)
    }
}
