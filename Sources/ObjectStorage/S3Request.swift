/// One request to the store, before it is signed. It is signed anew for each repetition.
struct S3Request: Sendable {
    let method: String
    /// With the prefix of the store; nil: the bucket itself.
    let key: String?
    var query: [(String, String)] = []
    /// Names in lower case; all of them are signed.
    var headers: [(String, String)] = []
    private(set) var body: [UInt8] = []
    /// SHA-256 in hex.
    private(set) var payloadHash = Self.hashOfNothing
    /// Of the body; nil where there is none, or where the system forbids MD5.
    private(set) var md5: [UInt8]?
    /// Whether libcurl may send it once more by itself, see `HTTPRequest.resends`.
    var resends = true
    /// Bytes of the answer.
    var responseLimit = 1 << 20
    /// nil: as the settings say.
    var idleTimeout: Duration?
    /// Whether the answer has to be XML, which may be cut off without anybody noticing below, and which may tell of an
    /// error under the status 200.
    var expectsXML = false

    init(_ method: String, _ key: String?) {
        self.method = method
        self.key = key
    }

    /// The request with a body, whose hash sums are computed once for all repetitions.
    func carrying(_ body: [UInt8]) throws(ObjectStoreError) -> S3Request {
        var request = self
        request.body = body
        request.payloadHash = ByteText.hex(try Digests.sha256(body))
        // Stores check it against what they got, and some insist on it.
        request.md5 = Digests.md5(body)
        if let md5 = request.md5 { request.headers.append(("content-md5", ByteText.base64(md5))) }
        return request
    }

    private static let hashOfNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
}

/// An answer that no repetition would change.
struct S3Answer: Sendable {
    let status: Int
    let headers: [String: String]
    let body: [UInt8]
    /// What went wrong, unless the status says that nothing did.
    let failure: S3Failure?
    /// Whether an earlier repetition may have been carried out without our having seen the answer to it.
    let mayHaveBeenDone: Bool

    var isSuccess: Bool { failure == nil }

    /// Without quotation marks; nil for none and for a weak one, which does not stand for the bytes.
    var etag: String? {
        guard let text = headers["etag"], !text.hasPrefix("W/") else { return nil }
        let bare = text.filter { $0 != "\"" }
        return bare.isEmpty ? nil : bare
    }

    var length: UInt64? { headers["content-length"].flatMap { UInt64($0) } }
}

/// What a store says when it refuses.
struct S3Failure: Hashable, Sendable, CustomStringConvertible {
    var status: Int
    /// Such as `NoSuchKey`; empty when the answer was none of S3 (a proxy's, or one without a body).
    var code: String
    var message: String
    /// Where the bucket is, if that was the mistake.
    var region: String?
    /// For the store's own logs.
    var request: String?

    /// nil for a success.
    init?(status: Int, headers: [String: String], body: [UInt8], expectsXML: Bool) {
        let root = status >= 300 || expectsXML ? XMLElement(parsing: body) : nil
        let error = root?.name == "Error" ? root : root?["Error"]?["Code"] == nil ? nil : root?["Error"]
        guard status >= 300 || root?.name == "Error" else { return nil }
        self.status = status
        code = error?.text("Code") ?? ""
        message = error?.text("Message")?.trimmed ?? ""
        region = error?.text("Region") ?? headers["x-amz-bucket-region"]
        request = headers["x-amz-request-id"] ?? error?.text("RequestId")
    }

    var description: String {
        var text = code.isEmpty ? "\(status)" : "\(status) \(code)"
        if !message.isEmpty { text += ": \(message.prefix(300))" }
        if let request, !request.isEmpty { text += " (request \(request.prefix(80)))" }
        return text
    }
}
