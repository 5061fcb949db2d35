import HTTPTransport

/// What to do about the outcome of one attempt. Pure: all that has an effect is done by `S3Client`.
enum S3Verdict: Hashable, Sendable {
    /// The answer stands.
    case final
    /// Once more after a pause.
    /// - Parameters:
    ///   - mayHaveBeenDone: whether the request may have been carried out all the same.
    ///   - after: what the store asks to wait.
    case again(String, mayHaveBeenDone: Bool, after: Duration?)
    /// Once more at once, with what was wrong corrected.
    case corrected(Correction, String)
    /// Never mind.
    case hopeless(ObjectStoreError.Kind, String)

    enum Correction: Hashable, Sendable {
        case region(String)
        /// The store's clock.
        case clock(S3Moment)
        case credentials
    }

    /// - Parameters:
    ///   - now: by the clock that the request was signed with.
    ///   - region: that it was signed for.
    static func of(
        _ response: HTTPResponse, failure: S3Failure?, expectsXML: Bool, signedAt now: S3Moment, region: String
    ) -> S3Verdict {
        guard let failure else { return of(success: response, expectsXML: expectsXML) }
        let text = failure.description
        if failure.status == 507 || fullCodes.contains(failure.code) { return .hopeless(.full, text) }
        if let correction = correction(response, failure, signedAt: now, region: region) {
            return .corrected(correction, text)
        }
        let retryAfter = response.headers["retry-after"].flatMap { Int64($0) }.map { Duration.seconds(max(0, $0)) }
        switch failure.status {
        case 408, 429, 499, 500, 502, 503, 504:
            return .again(text, mayHaveBeenDone: failure.status >= 500, after: retryAfter)
        default: break
        }
        switch failure.code {
        // Under the status 200, that is, at the end of something long; or of something that was disturbed.
        case "InternalError", "SlowDown", "ServiceUnavailable", "RequestTimeout", "OperationAborted":
            return .again(text, mayHaveBeenDone: failure.status == 200, after: retryAfter)
        case "ConditionalRequestConflict", "BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch":
            return .again(text, mayHaveBeenDone: false, after: retryAfter)
        default: return .final
        }
    }

    private static func of(success response: HTTPResponse, expectsXML: Bool) -> S3Verdict {
        if expectsXML, XMLElement(parsing: response.body) == nil {
            return .again("the answer is no whole XML", mayHaveBeenDone: true, after: nil)
        }
        // A length that is wrong on both sides of the header passes for right everywhere else.
        if response.status == 206, let range = ContentRange(response.headers["content-range"]),
            UInt64(response.body.count) != range.count
        {
            let text = "\(response.body.count) bytes came instead of \(range.count)"
            return .again(text, mayHaveBeenDone: true, after: nil)
        }
        return .final
    }

    private static func correction(
        _ response: HTTPResponse, _ failure: S3Failure, signedAt now: S3Moment, region: String
    ) -> Correction? {
        switch failure.status {
        case 300...308, 400:
            if let other = failure.region, !other.isEmpty, other != region { return .region(other) }
            return failure.code == "ExpiredToken" || failure.code == "InvalidToken" ? .credentials : nil
        case 401, 403:
            // An answer to HEAD has no code: the clocks tell as well.
            if let theirs = response.headers["date"].flatMap({ S3Moment(http: $0) }),
                failure.code == "RequestTimeTooSkewed" || abs(theirs.seconds - now.seconds) > toleratedSkew
            {
                return abs(theirs.seconds - now.seconds) > 2 ? .clock(theirs) : nil
            }
            return .credentials
        default: return nil
        }
    }

    static func of(_ error: HTTPError) -> S3Verdict {
        switch error {
        case .timedOut, .unreachable: .again("\(error)", mayHaveBeenDone: true, after: nil)
        case .overloaded: .again("\(error)", mayHaveBeenDone: false, after: nil)
        case .tls, .tooLarge, .invalid, .stopped: .hopeless(.unavailable, "\(error)")
        }
    }

    /// Of MinIO and Ceph.
    private static let fullCodes: Set = [
        "QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientStorage",
    ]

    /// Seconds; stores take a quarter of an hour.
    private static let toleratedSkew: Int64 = 840
}

/// `bytes 0-9/100`
struct ContentRange: Hashable, Sendable {
    let first: UInt64
    let last: UInt64
    /// nil: the server does not know.
    let total: UInt64?

    init?(_ text: String?) {
        guard let text, text.hasPrefix("bytes ") else { return nil }
        let parts = text.dropFirst(6).split(separator: "/")
        let bounds = parts.first?.split(separator: "-").map { UInt64($0) } ?? []
        guard parts.count == 2, bounds.count == 2, let first = bounds[0], let last = bounds[1], first <= last,
            last < .max
        else { return nil }
        self.first = first
        self.last = last
        total = UInt64(parts[1])
    }

    var count: UInt64 { last - first + 1 }
}
