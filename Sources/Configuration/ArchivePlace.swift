/// Where an archive is, this cluster's own or a foreign one: either of the two, never both.
package struct ArchivePlace: Hashable, Sendable {
    /// An absolute path that must exist.
    package var directory: String?
    package var s3: S3?

    /// A bucket at an S3 service. What is nil comes from the environment, or is the store's own default.
    package struct S3: Hashable, Sendable {
        package enum Addressing: String, Hashable, Sendable, CaseIterable {
            case automatic, path, virtualHost
        }

        package enum Encryption: String, Hashable, Sendable, CaseIterable {
            case none
            case store = "AES256"
            case kms = "aws:kms"
        }

        package var bucket = ""
        /// In front of every key, without `/` at its ends; nil: nothing.
        package var prefix: String?
        package var endpoint: String?
        package var region: String?
        package var addressing = Addressing.automatic
        /// PEM; nil: the system's authorities.
        package var caFile: String?
        /// Both or none.
        package var accessKeyIDFile: String?
        package var secretAccessKeyFile: String?
        /// Of temporary credentials in the two files.
        package var sessionTokenFile: String?
        /// In the form of `~/.aws/credentials`.
        package var credentialsFile: String?
        package var profile = ""
        /// Both or none.
        package var roleARN: String?
        package var webIdentityTokenFile: String?
        /// nil: AWS' in the region.
        package var stsEndpoint: String?
        package var encryption = Encryption.none
        package var kmsKey: String?
        package var storageClass: String?
        init() {}
    }

    init() {}
}
