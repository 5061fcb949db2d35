import ClusterModel
import FoundationEssentials
import HTTPTransport
import Platform

/// Asks those for temporary credentials who give them.
struct S3CredentialServices: Sendable {
    let http: HTTPClient
    /// For an STS of the user's own.
    let tls: HTTPTLS
    let retryPause: Duration

    /// AssumeRoleWithWebIdentity, which is not signed: the token is the proof.
    func assume(_ identity: S3WebIdentity, region: String) throws(ObjectStoreError) -> S3Credentials {
        let form = [
            ("Action", "AssumeRoleWithWebIdentity"), ("Version", "2011-06-15"), ("RoleArn", identity.role),
            ("RoleSessionName", identity.sessionName),
            ("WebIdentityToken", try S3Credentials.value(in: identity.tokenFile)),
        ]
        let suffix = region.hasPrefix("cn-") ? ".cn" : ""
        let endpoint = identity.endpoint ?? "https://sts.\(region).amazonaws.com\(suffix)/"
        let answer = try ask(
            HTTPRequest(
                method: "POST", url: endpoint, headers: [("Content-Type", "application/x-www-form-urlencoded")],
                body: Array(PercentEncoding.query(form).utf8),
                tls: identity.endpoint == nil ? HTTPTLS() : tls),
            "the role '\(identity.role)' at \(endpoint)")
        let found = XMLElement(parsing: answer)?["AssumeRoleWithWebIdentityResult"]?["Credentials"]
        guard let found, let key = found.text("AccessKeyId"), let secret = found.text("SecretAccessKey"),
            let token = found.text("SessionToken"), let expiration = S3Moment(iso8601: found.text("Expiration") ?? "")
        else { throw ObjectStoreError(.unavailable, "\(endpoint) answered without credentials") }
        return S3Credentials(key, secret, token, expiration: expiration)
    }

    func fromContainer(url: String, tokenFile: String?, token: String?) throws(ObjectStoreError) -> S3Credentials {
        var headers: [(String, String)] = []
        if let tokenFile {
            headers = [("Authorization", try S3Credentials.value(in: tokenFile))]
        } else if let token {
            headers = [("Authorization", token)]
        }
        return try document(HTTPRequest(url: url, headers: headers), url)
    }

    /// IMDSv2: a session first, which a request that was forged through us could not make.
    func fromInstance(endpoint: String) throws(ObjectStoreError) -> S3Credentials {
        let what = "the role of this instance (\(endpoint)); without one, set S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY"
        let session = try ask(
            HTTPRequest(
                method: "PUT", url: "\(endpoint)/latest/api/token",
                headers: [("X-aws-ec2-metadata-token-ttl-seconds", "300")]), what)
        let headers = [("X-aws-ec2-metadata-token", String(decoding: session, as: UTF8.self).trimmed)]
        let roles = "\(endpoint)/latest/meta-data/iam/security-credentials/"
        let list = try ask(HTTPRequest(url: roles, headers: headers), what)
        guard let role = String(decoding: list, as: UTF8.self).split(whereSeparator: \.isNewline).first?.trimmed else {
            throw ObjectStoreError(.denied, "this instance has no role: \(roles) is empty")
        }
        return try document(HTTPRequest(url: roles + PercentEncoding.encode(role), headers: headers), what)
    }

    // MARK: -

    private struct Document: Decodable {
        let accessKeyID: String
        let secretAccessKey: String
        let token: String?
        let expiration: String?

        enum CodingKeys: String, CodingKey {
            case accessKeyID = "AccessKeyId"
            case secretAccessKey = "SecretAccessKey"
            case token = "Token"
            case expiration = "Expiration"
        }
    }

    private func document(_ request: HTTPRequest, _ what: String) throws(ObjectStoreError) -> S3Credentials {
        let answer = try ask(request, what)
        guard let found = try? JSONDecoder().decode(Document.self, from: Data(answer)) else {
            throw ObjectStoreError(.denied, "credentials for S3 from \(what): there are none in the answer")
        }
        return S3Credentials(
            found.accessKeyID, found.secretAccessKey, found.token,
            expiration: found.expiration.flatMap { S3Moment(iso8601: $0) })
    }

    /// Three times at most: whoever waits for credentials holds up everything else.
    private func ask(_ request: HTTPRequest, _ what: String) throws(ObjectStoreError) -> [UInt8] {
        var request = request
        request.timeout = .seconds(5)
        request.connectTimeout = .seconds(2)
        var reason = ""
        for attempt in 0..<3 {
            if attempt > 0 { Pause.wait(retryPause * (1 << attempt)) }
            let answer: HTTPResponse
            do throws(HTTPError) { answer = try http.sendAndWait(request) } catch {
                reason = "\(error)"
                continue
            }
            if answer.status == 200 { return answer.body }
            reason = "\(answer.status)"
            if let error = XMLElement(parsing: answer.body)?["Error"] {
                reason += " \(error.text("Code") ?? ""): \(error.text("Message") ?? "")"
            }
            guard answer.status >= 500 || answer.status == 429 else {
                throw ObjectStoreError(.denied, "no credentials for S3 from \(what): \(reason)")
            }
        }
        throw ObjectStoreError(.unavailable, "no credentials for S3 from \(what): \(reason)")
    }
}

enum Pause {
    static func wait(_ span: Duration) { _ = Poll.wait([], until: BootClock.now() + span) }
}
