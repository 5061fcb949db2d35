import ObjectStorage
import Testing

struct ArchiveLocationTests {
    private let environment = [
        "S3_ACCESS_KEY_ID": "key", "S3_SECRET_ACCESS_KEY": "hidden", "S3_ENDPOINT": "http://127.0.0.1:9000",
        "S3_REGION": "garage",
    ]

    @Test("an absolute path is a directory")
    func directory() throws {
        let location = try ArchiveLocation("/backup", environment: [:])
        #expect(location == .directory("/backup"))
        #expect("\(location)" == "directory '/backup'")
        #expect("\(try location.open())" == "directory '/backup'")
    }

    @Test("a bucket has the rest from the environment, and its description has no secret")
    func bucket() throws {
        let location = try ArchiveLocation("s3://backups/a/b", environment: environment)
        guard case .s3(let settings) = location else {
            Issue.record("it is \(location)")
            return
        }
        #expect(settings.bucket == "backups")
        #expect(settings.prefix == "a/b")
        #expect(settings.region == "garage")
        #expect("\(location)" == "s3://backups/a/b at http://127.0.0.1:9000")
        #expect("\(try location.open())" == "s3://backups/a/b at http://127.0.0.1:9000")
    }

    @Test("what is neither, or says too little, is refused", arguments: ["backup", "", "s3://", "s3://x", "gs://abc"])
    func mistakes(text: String) {
        #expect(throws: S3SettingsError.self) { try ArchiveLocation(text, environment: environment) }
    }

    @Test("half of the credentials is a mistake")
    func half() {
        #expect(throws: S3SettingsError.self) {
            try ArchiveLocation("s3://abc", environment: ["S3_ACCESS_KEY_ID": "key"])
        }
    }
}
