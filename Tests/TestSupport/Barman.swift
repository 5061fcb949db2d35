import Platform
import Testing

/// barman-cloud's programs: Debian's, and the newest from the package index (`scripts/lib/barman`). Archives have to be
/// read by both.
package struct Barman: Sendable, CustomTestStringConvertible {
    package let version: String
    private let directory: String

    package static let all = [
        Barman(version: "3.4.0", directory: "/usr/bin"),
        Barman(version: "3.19.1", directory: Repository.file(".build/barman/bin")),
    ]

    package var testDescription: String { "barman-cloud \(version)" }

    /// The older one lists no more than the first thousand keys, and knows none of the newer options.
    package var isOld: Bool { version == "3.4.0" }

    /// An archive: what barman calls the URL and the server.
    package struct Place: Sendable {
        package let bucket: SignatureProxy.Bucket
        package let prefix: String
        package let server: String

        package init(bucket: SignatureProxy.Bucket, prefix: String, server: String) {
            self.bucket = bucket
            self.prefix = prefix
            self.server = server
        }

        package var url: String { "s3://\(bucket.name)/\(prefix)" }
    }

    /// Runs `barman-cloud-PROGRAM`.
    /// - Parameters:
    ///   - options: what comes before the archive's URL and the server's name.
    ///   - rest: what comes behind them.
    package func run(_ program: String, _ options: [String] = [], at place: Place, _ rest: [String] = []) async throws
        -> (status: Platform.ExitStatus, text: String)
    {
        let environment = [
            "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "AWS_ACCESS_KEY_ID": SignatureProxy.accessKeyID,
            "AWS_SECRET_ACCESS_KEY": SignatureProxy.secretAccessKey, "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true", "TMPDIR": "/tmp",
        ]
        let command = Command(
            "\(directory)/barman-cloud-\(program)",
            ["--endpoint-url", place.bucket.proxy.motoURL] + options + [place.url, place.server] + rest,
            environment: environment)
        return try await TestChildren.output(of: command)
    }

    /// As `run`; throws what it wrote unless it succeeds.
    @discardableResult
    package func must(_ program: String, _ options: [String] = [], at place: Place, _ rest: [String] = []) async throws
        -> String
    {
        let (status, text) = try await run(program, options, at: place, rest)
        guard status.isSuccess else {
            throw FixtureError("barman-cloud-\(program) \(version) \(options) \(rest): \(status): \(text)")
        }
        return text
    }
}
