/// What requests are signed with. Its description says which key, never the secret.
package struct S3Credentials: Hashable, Sendable, CustomStringConvertible {
    package let accessKeyID: String
    package let secretAccessKey: String
    /// Of temporary ones.
    package let sessionToken: String?
    /// When they cease to be valid; nil: never, as far as we know.
    let expiration: S3Moment?

    package init(accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil) {
        self.init(accessKeyID, secretAccessKey, sessionToken, expiration: nil)
    }

    init(_ accessKeyID: String, _ secretAccessKey: String, _ sessionToken: String?, expiration: S3Moment?) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
        self.expiration = expiration
    }

    package var description: String { "access key '\(accessKeyID)'" }
}

/// Where credentials come from. Files are read again for every request; temporary credentials are renewed before they
/// expire; all of them also when the store refuses what we have.
package enum S3CredentialSource: Hashable, Sendable {
    case fixed(S3Credentials)
    /// A file for each, as Kubernetes mounts a secret.
    case files(accessKeyID: String, secretAccessKey: String, sessionToken: String?)
    /// A section of a file such as `~/.aws/credentials`.
    case sharedFile(path: String, profile: String)
    /// AWS' IAM roles for service accounts, or another STS.
    case webIdentity(S3WebIdentity)
    /// EKS Pod Identity and ECS. The token, or a file with it, goes into the header `Authorization`.
    case container(url: String, tokenFile: String?, token: String?)
    /// The role of an EC2 instance, over IMDSv2.
    case instance(endpoint: String)

    package static let instanceEndpoint = "http://169.254.169.254"

    /// What the environment offers, in the order of AWS' tools; the last resort is the instance's role.
    ///
    /// `S3_ACCESS_KEY_ID`, `S3_SECRET_ACCESS_KEY` and `S3_SESSION_TOKEN`, the same with `_FILE` behind for paths of
    /// files, `AWS_…` for either; `AWS_ROLE_ARN` with `AWS_WEB_IDENTITY_TOKEN_FILE`; `AWS_SHARED_CREDENTIALS_FILE`;
    /// `AWS_CONTAINER_CREDENTIALS_FULL_URI` or `…_RELATIVE_URI`; `AWS_EC2_METADATA_SERVICE_ENDPOINT`.
    package static func environment(_ environment: [String: String]) throws(S3SettingsError) -> S3CredentialSource {
        for family in ["S3", "AWS"] {
            func pair(_ suffix: String) throws(S3SettingsError) -> (key: String, secret: String, token: String?)? {
                let names = ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"].map { "\(family)_\($0)\(suffix)" }
                let values = names.map { environment.nonEmpty($0) }
                if values[0] == nil, values[1] == nil { return nil }
                guard let key = values[0], let secret = values[1] else {
                    let (there, missing) = values[0] == nil ? (names[1], names[0]) : (names[0], names[1])
                    throw S3SettingsError("\(there) is set, but \(missing) is not: set both")
                }
                return (key, secret, values[2])
            }
            if let (key, secret, token) = try pair("") {
                return .fixed(S3Credentials(accessKeyID: key, secretAccessKey: secret, sessionToken: token))
            }
            if let (key, secret, token) = try pair("_FILE") {
                return .files(accessKeyID: key, secretAccessKey: secret, sessionToken: token)
            }
        }
        if let role = environment.nonEmpty("AWS_ROLE_ARN"),
            let file = environment.nonEmpty("AWS_WEB_IDENTITY_TOKEN_FILE")
        {
            var identity = S3WebIdentity(role: role, tokenFile: file)
            identity.sessionName = environment.nonEmpty("AWS_ROLE_SESSION_NAME") ?? identity.sessionName
            identity.endpoint = environment.nonEmpty("AWS_ENDPOINT_URL_STS")
            return .webIdentity(identity)
        }
        if let path = environment.nonEmpty("AWS_SHARED_CREDENTIALS_FILE") {
            return .sharedFile(path: path, profile: environment.nonEmpty("AWS_PROFILE") ?? "default")
        }
        let path = environment.nonEmpty("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        if let url = path.map({ "http://169.254.170.2\($0)" })
            ?? environment.nonEmpty("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        {
            return .container(
                url: url, tokenFile: environment.nonEmpty("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
                token: environment.nonEmpty("AWS_CONTAINER_AUTHORIZATION_TOKEN"))
        }
        guard environment.nonEmpty("AWS_EC2_METADATA_DISABLED")?.lowercased() != "true" else {
            throw S3SettingsError("no credentials for S3: set S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY")
        }
        return .instance(endpoint: environment.nonEmpty("AWS_EC2_METADATA_SERVICE_ENDPOINT") ?? instanceEndpoint)
    }
}

/// A role that is taken with a token of somebody whom it trusts.
package struct S3WebIdentity: Hashable, Sendable {
    /// Its ARN.
    package var role: String
    /// Read for each renewal: it rotates.
    package var tokenFile: String
    package var sessionName = "pgmahout"
    /// Of an STS; nil: AWS' in the region.
    package var endpoint: String?

    package init(role: String, tokenFile: String) {
        self.role = role
        self.tokenFile = tokenFile
    }
}
