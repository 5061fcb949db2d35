import Testing

@testable import ObjectStorage

struct S3SettingsTests {
    private func settings(_ bucket: String, _ endpoint: String?, _ region: String? = nil) -> S3Settings {
        var settings = S3Settings(
            bucket: bucket, credentials: .fixed(S3Credentials(accessKeyID: "k", secretAccessKey: "s")))
        settings.endpoint = endpoint
        settings.region = region
        return settings
    }

    @Test(
        "a bucket is addressed as its service wants it",
        arguments: [
            ("b-1", nil, nil, "https b-1.s3.us-east-1.amazonaws.com "),
            ("b-1", nil, "cn-north-1", "https b-1.s3.cn-north-1.amazonaws.com.cn "),
            ("with.dot", nil, "eu-west-1", "https s3.eu-west-1.amazonaws.com /with.dot"),
            ("b-1", "https://s3.eu-west-1.amazonaws.com:443/", nil, "https b-1.s3.eu-west-1.amazonaws.com "),
            ("b-1", "HTTP://MinIO.Example:80", nil, "http minio.example /b-1"),
            ("b-1", "http://minio:9000//", nil, "http minio:9000 /b-1"),
            ("b-1", "https://gateway/s3/v1/", nil, "https gateway /s3/v1/b-1"),
            ("b-1", "http://[::1]:9000", nil, "http [::1]:9000 /b-1"),
            ("b-1", "http://[fd00::1]", nil, "http [fd00::1] /b-1"),
        ] as [(String, String?, String?, String)])
    func addresses(bucket: String, endpoint: String?, region: String?, expected: String) throws {
        let found = try S3Endpoint(settings(bucket, endpoint, region))
        #expect("\(found.scheme) \(found.host) \(found.path)" == expected)
        #expect(found.path(of: "a b/ü").hasSuffix("/a%20b/%C3%BC"))
    }

    @Test(
        "the region is what is said, or else what the endpoint's name says",
        arguments: [
            (nil, nil, "us-east-1"), ("http://minio:9000", "garage", "garage"), ("http://minio:9000", nil, "us-east-1"),
            ("https://s3.eu-central-003.backblazeb2.com", nil, "eu-central-003"),
            ("https://s3.eu-west-1.amazonaws.com", nil, "eu-west-1"), ("https://s3.amazonaws.com", nil, "us-east-1"),
            ("https://0123.r2.cloudflarestorage.com", nil, "auto"),
        ] as [(String?, String?, String)])
    func regions(endpoint: String?, region: String?, expected: String) {
        #expect(S3Endpoint.region(of: settings("b-1", endpoint, region)) == expected)
    }

    @Test(
        "an endpoint that cannot be one is told, with how it has to be",
        arguments: [
            "minio:9000", "ftp://minio", "http://", "http://:9000", "http://minio:0", "http://minio:x", "http://a b",
            "http://user:password@minio", "http://minio?x", "http://minio:70000",
        ])
    func badEndpoints(endpoint: String) {
        #expect { try S3Store(settings("b-1", endpoint)) } throws: {
            "\($0)".contains("'\(endpoint)'") && "\($0)".contains("https://s3.example.com:9000")
        }
    }

    @Test("mistakes in the settings are told before anything is sent")
    func mistakes() {
        for bucket in ["", "ab", "a/b", "a b", "ä-bucket", "a..b"] {
            #expect { try S3Store(settings(bucket, nil)) } throws: { "\($0)".contains("'\(bucket)'") }
        }
        for prefix in ["/a", "a/", "a//b", ".a", "../a"] {
            var settings = settings("b-1", nil)
            settings.prefix = prefix
            #expect { try S3Store(settings) } throws: { "\($0)".contains("'\(prefix)'") }
        }
        var small = settings("b-1", nil)
        small.partSize = 1 << 20
        #expect { try S3Store(small) } throws: { "\($0)".contains("5 MiB") }
    }

    @Test("the environment gives all settings, by our names before those of AWS")
    func environment() throws {
        let settings = try S3Settings(
            destination: "s3://bucket/a b//c/",
            environment: [
                "S3_ACCESS_KEY_ID": "k", "S3_SECRET_ACCESS_KEY": "s\n", "AWS_ACCESS_KEY_ID": "other",
                "AWS_SECRET_ACCESS_KEY": "other", "S3_REGION": "garage", "AWS_REGION": "x", "S3_BUCKET": "unused",
                "AWS_ENDPOINT_URL": "http://e", "AWS_CA_BUNDLE": "/ca", "S3_ENDPOINT": " ",
            ])
        #expect(settings.bucket == "bucket" && settings.prefix == "a b/c")
        #expect(settings.credentials == .fixed(S3Credentials(accessKeyID: "k", secretAccessKey: "s")))
        #expect(settings.region == "garage" && settings.endpoint == "http://e" && settings.caFile == "/ca")
        let named = try S3Settings(
            destination: nil, environment: ["S3_BUCKET": "b", "S3_ACCESS_KEY_ID": "k", "S3_SECRET_ACCESS_KEY": "s"])
        #expect(named.bucket == "b" && named.prefix.isEmpty)
        for wrong in ["b/x", "s3://", "http://b", nil] {
            #expect(throws: S3SettingsError.self) { try S3Settings(destination: wrong, environment: [:]) }
        }
    }

    @Test("credentials are looked for in the order of AWS' tools")
    func credentialSources() throws {
        var environment = ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/x"]
        func source() throws -> S3CredentialSource { try .environment(environment) }
        #expect(try S3CredentialSource.environment([:]) == .instance(endpoint: "http://169.254.169.254"))
        #expect(try source() == .container(url: "http://169.254.170.2/v2/x", tokenFile: nil, token: nil))
        environment["AWS_SHARED_CREDENTIALS_FILE"] = "/f"
        #expect(try source() == .sharedFile(path: "/f", profile: "default"))
        environment["AWS_ROLE_ARN"] = "arn"
        #expect(try source() == .sharedFile(path: "/f", profile: "default"))
        environment["AWS_WEB_IDENTITY_TOKEN_FILE"] = "/t"
        #expect(try source() == .webIdentity(S3WebIdentity(role: "arn", tokenFile: "/t")))
        environment["AWS_SECRET_ACCESS_KEY"] = "s"
        #expect { try source() } throws: { "\($0)".contains("AWS_ACCESS_KEY_ID is not: set both") }
        environment["AWS_ACCESS_KEY_ID"] = "k"
        environment["AWS_SESSION_TOKEN"] = "t"
        #expect(try source() == .fixed(S3Credentials(accessKeyID: "k", secretAccessKey: "s", sessionToken: "t")))
        environment["S3_ACCESS_KEY_ID_FILE"] = "/k"
        environment["S3_SECRET_ACCESS_KEY_FILE"] = "/s"
        #expect(try source() == .files(accessKeyID: "/k", secretAccessKey: "/s", sessionToken: nil))
        #expect { try S3CredentialSource.environment(["AWS_EC2_METADATA_DISABLED": "true"]) } throws: {
            "\($0)".contains("S3_ACCESS_KEY_ID")
        }
    }
}
