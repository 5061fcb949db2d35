/// The keys that say where an archive is: the same wherever the file names one.
struct ArchivePlaceSchema: Sendable {
    /// The section that they stand in.
    let path: String
    let load: @Sendable (PgmahoutConfiguration) -> ArchivePlace?
    /// Makes the place where there is none.
    let update: @Sendable (inout PgmahoutConfiguration, (inout ArchivePlace) -> Void) -> Void

    /// For the section itself.
    func directory(_ documentation: String) -> SchemaKey {
        SchemaKey(
            "directory", .absolutePath, fallback: .absent, example: "/backup", isLive: false, documentation,
            load: { [load] in load($0)?.directory },
            store: { [update] value, configuration in update(&configuration) { $0.directory = value } })
    }

    /// The section below it.
    var s3: SchemaSection {
        SchemaSection(
            path: path + ".s3",
            documentation: """
                A bucket at AWS or at any other S3 service, instead of a directory. Credentials: the two files, or
                credentialsFile, or a role with a token; else what the environment has, in this order:
                S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY (or AWS_…), AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE,
                AWS_SHARED_CREDENTIALS_FILE, AWS_CONTAINER_CREDENTIALS_FULL_URI, the role of the machine. All of them
                are read again when they change.
                """,
            isOptional: true,
            keys: [
                key(
                    "bucket", .bucket, fallback: .variable("S3_BUCKET"), example: "backups", into: \.bucket,
                    "The bucket, which must exist."),
                key("prefix", .keyPrefix, example: "databases/east", into: \.prefix, "What every key begins with."),
                key(
                    "endpoint", .serverURL, example: "https://minio.example.com:9000", into: \.endpoint,
                    "The service; without it $S3_ENDPOINT or $AWS_ENDPOINT_URL, else AWS in the region."),
                key(
                    "region", .text("a region's name on one line", atMost: 100), example: "eu-central-1",
                    into: \.region,
                    """
                    Part of each signature; without it $S3_REGION or $AWS_REGION, else what the endpoint's name says.
                    A store that says it is in another one is believed.
                    """),
                key(
                    "addressing", .choice, fallback: .text("automatic"), into: \.addressing,
                    "Bucket in the path or in the host name; automatic: in the host name at AWS, if it can be one."),
                key(
                    "caFile", .absolutePath, example: "/secrets/s3/ca.crt", into: \.caFile,
                    "Certificates (PEM) of the authorities that are trusted instead of the system's."),
                key(
                    "accessKeyIDFile", .absolutePath, example: "/secrets/s3/access-key", into: \.accessKeyIDFile,
                    "File with the access key's name."),
                key(
                    "secretAccessKeyFile", .absolutePath, example: "/secrets/s3/secret-key",
                    into: \.secretAccessKeyFile, "File with its secret."),
                key(
                    "sessionTokenFile", .absolutePath, example: "/secrets/s3/session-token", into: \.sessionTokenFile,
                    "File with the token of temporary credentials, beside the two files."),
                key(
                    "credentialsFile", .absolutePath, example: "/secrets/s3/credentials", into: \.credentialsFile,
                    "A file in the form of ~/.aws/credentials, instead of the two files."),
                key(
                    "profile", .text("a name on one line", atMost: 100), fallback: .text("default"), into: \.profile,
                    "Section of credentialsFile."),
                key(
                    "roleARN", .text("the ARN of a role", atMost: 2048), example: "arn:aws:iam::123456789012:role/pg",
                    into: \.roleARN, "Role that is taken with webIdentityTokenFile."),
                key(
                    "webIdentityTokenFile", .absolutePath, example: "/secrets/s3/token",
                    into: \.webIdentityTokenFile, "File with the token that proves who asks for the role."),
                key(
                    "stsEndpoint", .serverURL, example: "https://minio.example.com:9000", into: \.stsEndpoint,
                    "Service that gives credentials for the role; without it AWS' in the region."),
                key(
                    "encryption", .choice, fallback: .text("none"), into: \.encryption,
                    "Encryption that the store is asked for; none: what the bucket does by itself."),
                key(
                    "kmsKey", .text("a key's name or ARN", atMost: 2048), example: "alias/backups", into: \.kmsKey,
                    "Key for aws:kms; without it the bucket's."),
                key(
                    "storageClass", .text("the name of a storage class", atMost: 100), example: "STANDARD_IA",
                    into: \.storageClass, "Storage class of new objects; without it the bucket's."),
            ])
    }

    /// What several of the keys must fulfil together.
    var relations: [Relation] {
        let (path, load) = (path, load)
        func both(_ first: String, _ second: String, _ values: @escaping @Sendable (ArchivePlace.S3) -> (Bool, Bool))
            -> Relation
        {
            let (first, second) = ("\(path).s3.\(first)", "\(path).s3.\(second)")
            return Relation(first, [second]) { configuration in
                switch load(configuration)?.s3.map(values) {
                case (true, false)?: ("found without \(second)", "both \(first) and \(second), or neither")
                case (false, true)?: ("missing, while \(second) is there", "both \(first) and \(second), or neither")
                default: nil
                }
            }
        }
        return [
            Relation("\(path).directory") { configuration in
                guard let place = load(configuration) else { return nil }
                switch (place.directory, place.s3) {
                case (nil, nil): return ("missing", "an absolute path without '..', or the section \(path).s3")
                case (.some, .some): return ("found beside \(path).s3", "one of the two")
                default: return nil
                }
            },
            both("accessKeyIDFile", "secretAccessKeyFile") {
                ($0.accessKeyIDFile != nil, $0.secretAccessKeyFile != nil)
            },
            both("roleARN", "webIdentityTokenFile") { ($0.roleARN != nil, $0.webIdentityTokenFile != nil) },
            Relation("\(path).s3.sessionTokenFile", ["\(path).s3.accessKeyIDFile"]) { configuration in
                guard let s3 = load(configuration)?.s3, s3.sessionTokenFile != nil, s3.accessKeyIDFile == nil else {
                    return nil
                }
                return ("found without \(path).s3.accessKeyIDFile", "the files of the key beside it")
            },
            Relation("\(path).s3.credentialsFile", ["\(path).s3.accessKeyIDFile", "\(path).s3.roleARN"]) {
                guard let s3 = load($0)?.s3 else { return nil }
                let sources = [s3.credentialsFile, s3.accessKeyIDFile, s3.roleARN].count { $0 != nil }
                return sources > 1 ? ("found several kinds of credentials", "one of them") : nil
            },
            Relation("\(path).s3.kmsKey", ["\(path).s3.encryption"]) { configuration in
                guard let s3 = load(configuration)?.s3, s3.kmsKey != nil, s3.encryption != .kms else { return nil }
                return ("found while encryption is \(s3.encryption.rawValue)", "encryption: aws:kms beside it")
            },
        ]
    }

    var fileChecks: [FileCheck] {
        let load = load
        return [
            .certificates("\(path).s3.caFile") { load($0)?.s3?.caFile },
            .secret("\(path).s3.accessKeyIDFile") { load($0)?.s3?.accessKeyIDFile },
            .secret("\(path).s3.secretAccessKeyFile") { load($0)?.s3?.secretAccessKeyFile },
            .secret("\(path).s3.sessionTokenFile") { load($0)?.s3?.sessionTokenFile },
        ]
    }

    // MARK: -

    private func key<Value: Equatable>(
        _ name: String, _ kind: ValueKind<Value>, fallback: SchemaKey.Fallback, example: String = "",
        into field: any WritableKeyPath<ArchivePlace.S3, Value> & Sendable, _ documentation: String
    ) -> SchemaKey {
        SchemaKey(
            name, kind, fallback: fallback, example: example, isLive: false, documentation,
            load: { [load] in load($0)?.s3?[keyPath: field] },
            store: { [update] value, configuration in
                update(&configuration) { place in
                    var s3 = place.s3 ?? ArchivePlace.S3()
                    s3[keyPath: field] = value
                    place.s3 = s3
                }
            })
    }

    /// A key that may be absent.
    private func key<Value: Equatable>(
        _ name: String, _ kind: ValueKind<Value>, example: String,
        into field: any WritableKeyPath<ArchivePlace.S3, Value?> & Sendable, _ documentation: String
    ) -> SchemaKey {
        SchemaKey(
            name, kind, fallback: .absent, example: example, isLive: false, documentation,
            load: { [load] in load($0)?.s3?[keyPath: field] },
            store: { [update] value, configuration in
                update(&configuration) { place in
                    var s3 = place.s3 ?? ArchivePlace.S3()
                    s3[keyPath: field] = value
                    place.s3 = s3
                }
            })
    }
}
