import Configuration
import ObjectStorage
import Platform

extension ArchiveLocation {
    /// What the configuration says, and the environment for what it does not say. Ends the command on a mistake.
    init(_ place: ArchivePlace, environment: [String: String] = Command.inheritedEnvironment) throws {
        if let directory = place.directory {
            self = .directory(directory)
        } else if let s3 = place.s3 {
            do throws(S3SettingsError) { self = .s3(try S3Settings(s3, environment: environment)) } catch {
                throw Failure(.configuration, "the archive at S3: \(error)")
            }
        } else {
            throw Failure(.configuration, "the configuration does not say where the archive is")
        }
    }
}

extension S3Settings {
    fileprivate init(_ place: ArchivePlace.S3, environment: [String: String]) throws(S3SettingsError) {
        self.init(
            bucket: place.bucket, prefix: place.prefix ?? "",
            credentials: try Self.credentials(place, environment: environment))
        takeAddress(from: environment)
        endpoint = place.endpoint ?? endpoint
        region = place.region ?? region
        caFile = place.caFile ?? caFile
        addressing =
            switch place.addressing {
            case .automatic: .automatic
            case .path: .path
            case .virtualHost: .virtualHost
            }
        encryption =
            switch place.encryption {
            case .none: nil
            case .store: .store
            case .kms: .kms(key: place.kmsKey)
            }
        storageClass = place.storageClass
        try validate()
    }

    private static func credentials(
        _ place: ArchivePlace.S3, environment: [String: String]
    ) throws(S3SettingsError) -> S3CredentialSource {
        if let key = place.accessKeyIDFile, let secret = place.secretAccessKeyFile {
            return .files(accessKeyID: key, secretAccessKey: secret, sessionToken: place.sessionTokenFile)
        }
        if let path = place.credentialsFile { return .sharedFile(path: path, profile: place.profile) }
        if let role = place.roleARN, let file = place.webIdentityTokenFile {
            var identity = S3WebIdentity(role: role, tokenFile: file)
            identity.endpoint = place.stsEndpoint
            return .webIdentity(identity)
        }
        return try .environment(environment)
    }
}
