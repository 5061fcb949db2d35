/// Where objects are kept at an S3 service, and how it is spoken to.
package struct S3Settings: Hashable, Sendable {
    package var bucket: String
    /// Goes in front of every key, with a `/` between; may be empty.
    package var prefix: String
    /// `http://…` or `https://…`, with a port and a path where needed; nil: AWS, in `region`.
    package var endpoint: String?
    /// Any name. nil: what the endpoint's name says, else `us-east-1`; a store that says it is in another one is believed.
    package var region: String?
    package var addressing = Addressing.automatic
    /// PEM: the only authorities that are trusted for `endpoint`; nil: those of the system.
    package var caFile: String?
    package var credentials: S3CredentialSource
    package var encryption: Encryption?
    /// Such as `STANDARD_IA`; nil: the bucket's own.
    package var storageClass: String?

    /// Bytes: an object up to this size is sent as one, a larger one in parts of exactly this size, 10,000 at most.
    /// Stores take no parts below 5 MiB.
    package var partSize = 16 << 20
    /// Parts of one object that are on their way while the next one is filled.
    package var partsInFlight = 2
    /// Bytes that one request reads of an object.
    package var readSize = 8 << 20
    /// Such pieces that are asked for ahead of the one being read.
    package var readsAhead = 1

    /// For one request with all its repetitions.
    package var deadline = Duration.seconds(180)
    /// How long a request may stand still.
    package var idleTimeout = Duration.seconds(20)
    package var connectTimeout = Duration.seconds(5)
    /// The first repetition comes after a random part of this, each later one after that of twice as much. Somebody
    /// who gives credentials is not asked again within a hundred of it, as long as there are some.
    package var retryPause = Duration.milliseconds(100)
    /// No repetition comes later than that after the one before, unless the store asks for it.
    package var longestRetryPause = Duration.seconds(20)
    /// The object, under `prefix`, at which it is found out whether the store creates without overwriting.
    package var probe = ".pgmahout-probe"

    package enum Addressing: String, Sendable, CaseIterable {
        /// Virtual hosts at AWS where the bucket's name can be one, paths everywhere else.
        case automatic
        case path
        case virtualHost
    }

    package enum Encryption: Hashable, Sendable {
        /// By the store, with keys of its own: `AES256`.
        case store
        /// `aws:kms`; without a key: the bucket's.
        case kms(key: String?)
    }

    package init(bucket: String, prefix: String = "", credentials: S3CredentialSource) {
        self.bucket = bucket
        self.prefix = prefix
        self.credentials = credentials
    }

    /// The settings that the environment gives: `S3_BUCKET`, `S3_ENDPOINT`, `S3_REGION` and the credentials
    /// (`S3CredentialSource.environment`), or the names that AWS' own tools use.
    /// - Parameter destination: `s3://bucket/prefix`; nil: the bucket of `S3_BUCKET`.
    package init(destination: String?, environment: [String: String]) throws(S3SettingsError) {
        let credentials = try S3CredentialSource.environment(environment)
        if let destination {
            let (bucket, prefix) = try Self.parse(destination: destination)
            self.init(bucket: bucket, prefix: prefix, credentials: credentials)
        } else if let bucket = environment.nonEmpty("S3_BUCKET") {
            self.init(bucket: bucket, credentials: credentials)
        } else {
            throw S3SettingsError("no bucket is named: set S3_BUCKET, or a destination such as 's3://bucket/prefix'")
        }
        takeAddress(from: environment)
    }

    /// Endpoint, region and authorities as the environment names them.
    package mutating func takeAddress(from environment: [String: String]) {
        func value(_ names: String...) -> String? { names.lazy.compactMap { environment.nonEmpty($0) }.first }
        endpoint = value("S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
        region = value("S3_REGION", "AWS_REGION", "AWS_DEFAULT_REGION")
        caFile = value("AWS_CA_BUNDLE")
    }

    /// The bucket and the prefix of `s3://bucket/prefix`.
    package static func parse(destination: String) throws(S3SettingsError) -> (bucket: String, prefix: String) {
        let scheme = "s3://"
        guard destination.hasPrefix(scheme) else {
            throw S3SettingsError("'\(destination)' is no place at S3: it has to be like 's3://bucket/prefix'")
        }
        let parts = destination.dropFirst(scheme.count).split(separator: "/", omittingEmptySubsequences: true)
        guard let bucket = parts.first else { throw S3SettingsError("'\(destination)' names no bucket") }
        return (String(bucket), parts.dropFirst().joined(separator: "/"))
    }

    /// Throws what is wrong with it, one mistake at a time.
    package func validate() throws(S3SettingsError) {
        let letters = bucket.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        guard letters, (3...255).contains(bucket.utf8.count), !bucket.hasPrefix("."), !bucket.contains("..") else {
            throw S3SettingsError("'\(bucket)' cannot be the name of a bucket: 3 to 63 of a-z, 0-9, '-' and '.'")
        }
        guard prefix.isEmpty || ObjectKey(prefix).isWellFormed else {
            throw S3SettingsError("the prefix '\(prefix)' must be names joined by '/', without '/' at its ends")
        }
        guard partSize >= 5 << 20, partSize <= 1 << 30 else {
            throw S3SettingsError("a part has to have 5 MiB to 1 GiB, not \(partSize) bytes: stores want it so")
        }
        guard partsInFlight >= 1, readSize >= 64 << 10, readsAhead >= 0 else {
            throw S3SettingsError("at least one part has to be in flight, and a read to have 64 KiB")
        }
        _ = try S3Endpoint(self)
    }
}

/// A mistake in what the user configured: says what, and how to correct it.
package struct S3SettingsError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}

extension [String: String] {
    /// Variables that are set to nothing count as not set.
    func nonEmpty(_ name: String) -> String? {
        guard let value = self[name]?.trimmed, !value.isEmpty else { return nil }
        return value
    }
}

extension StringProtocol {
    /// Without white space around it: mounted secrets tend to end with a line break.
    var trimmed: String {
        String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
