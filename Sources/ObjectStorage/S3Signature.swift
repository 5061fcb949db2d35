/// AWS Signature Version 4 in the header `Authorization`, for S3: paths are encoded once and never normalized.
struct S3Signature {
    let credentials: S3Credentials
    let region: String
    var service = "s3"
    let moment: S3Moment

    /// - Parameters:
    ///   - path: encoded, as it is sent.
    ///   - query: encoded and sorted, as it is sent.
    ///   - headers: all that are signed, `host` and every `x-amz-…` among them; names in lower case, each once.
    ///   - payloadHash: SHA-256 of the body in hex.
    /// - Returns: the value of `Authorization`.
    func authorization(
        method: String, path: String, query: String, headers: [(String, String)], payloadHash: String
    ) throws(ObjectStoreError) -> String {
        let (request, names) = Self.canonicalRequest(
            method: method, path: path, query: query, headers: headers, payloadHash: payloadHash)
        let toSign = try stringToSign(request)
        let signature = ByteText.hex(try Digests.hmacSHA256(toSign, key: try signingKey()))
        return "AWS4-HMAC-SHA256 Credential=\(credentials.accessKeyID)/\(scope),SignedHeaders=\(names),"
            + "Signature=\(signature)"
    }

    static func canonicalRequest(
        method: String, path: String, query: String, headers: [(String, String)], payloadHash: String
    ) -> (text: String, signedHeaders: String) {
        // By name alone: a value must not decide between a name and a longer one that begins with it.
        let sorted = headers.sorted { $0.0.utf8.lexicographicallyPrecedes($1.0.utf8) }
        let names = sorted.map(\.0).joined(separator: ";")
        let lines = sorted.map { "\($0):\(trimmed($1))\n" }.joined()
        return ([method, path, query, lines, names, payloadHash].joined(separator: "\n"), names)
    }

    func stringToSign(_ canonicalRequest: String) throws(ObjectStoreError) -> String {
        let hash = ByteText.hex(try Digests.sha256(Array(canonicalRequest.utf8)))
        return ["AWS4-HMAC-SHA256", moment.stamp, scope, hash].joined(separator: "\n")
    }

    func signingKey() throws(ObjectStoreError) -> [UInt8] {
        var key = Array("AWS4\(credentials.secretAccessKey)".utf8)
        for text in [moment.day, region, service, "aws4_request"] { key = try Digests.hmacSHA256(text, key: key) }
        return key
    }

    private var scope: String { "\(moment.day)/\(region)/\(service)/aws4_request" }

    /// Without blanks around it, and with single ones within.
    private static func trimmed(_ value: String) -> String {
        value.split(whereSeparator: { $0 == " " || $0 == "\t" }).joined(separator: " ")
    }
}
