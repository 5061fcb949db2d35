import Configuration
import Testing

/// Where the archive is.
struct ArchivePlaceTests {
    @Test("a bucket needs no more than its name, and everything can be given")
    func bucket() throws {
        let small = try #require(try load(minimal("archive: {s3: {bucket: backups}}")).archive)
        #expect(small.place.directory == nil)
        #expect(small.place.s3?.bucket == "backups")
        #expect(small.place.s3?.addressing == .automatic)
        #expect(small.place.s3?.encryption == ArchivePlace.S3.Encryption.none)
        #expect(small.server == "demo")
        let text = """
            archive:
              server: west
              s3: {bucket: b-1, prefix: /a/b/, endpoint: "http://10.0.0.9:9000/", region: garage, addressing: path,
                encryption: "aws:kms", kmsKey: k, storageClass: STANDARD_IA, roleARN: r, webIdentityTokenFile: /t}
            """
        let s3 = try #require(try load(minimal(text)).archive?.place.s3)
        #expect(s3.prefix == "a/b")
        #expect(s3.endpoint == "http://10.0.0.9:9000")
        #expect(s3.region == "garage")
        #expect(s3.roleARN == "r")
    }

    @Test("variables alone make an archive")
    func environment() throws {
        let environment = [
            "PGMAHOUT_ARCHIVE_S3_BUCKET": "backups", "PGMAHOUT_ARCHIVE_S3_ACCESS_KEY_ID_FILE": "/k",
            "PGMAHOUT_ARCHIVE_S3_SECRET_ACCESS_KEY_FILE": "/s",
        ]
        let place = try #require(try load(minimal(), environment: environment).archive?.place)
        #expect(place.s3?.accessKeyIDFile == "/k")
        #expect(place.s3?.secretAccessKeyFile == "/s")
        let named = try load(minimal("archive: {s3: {prefix: p}}"), environment: ["S3_BUCKET": "other"])
        #expect(named.archive?.place.s3?.bucket == "other")
    }

    @Test(
        "mistakes are named by their key",
        arguments: [
            ("{server: x}", "archive.directory"), ("{directory: /a, s3: {bucket: abc}}", "archive.directory"),
            ("{s3: {bucket: a}}", "archive.s3.bucket"), ("{s3: {prefix: x}}", "archive.s3.bucket"),
            ("{s3: {bucket: abc, prefix: a/../b}}", "archive.s3.prefix"),
            ("{s3: {bucket: abc, endpoint: minio:9000}}", "archive.s3.endpoint"),
            ("{s3: {bucket: abc, accessKeyIDFile: /k}}", "archive.s3.accessKeyIDFile"),
            ("{s3: {bucket: abc, secretAccessKeyFile: /k}}", "archive.s3.accessKeyIDFile"),
            ("{s3: {bucket: abc, sessionTokenFile: /k}}", "archive.s3.sessionTokenFile"),
            ("{s3: {bucket: abc, roleARN: r}}", "archive.s3.roleARN"),
            ("{s3: {bucket: abc, kmsKey: k}}", "archive.s3.kmsKey"),
            (
                "{s3: {bucket: abc, credentialsFile: /c, roleARN: r, webIdentityTokenFile: /t}}",
                "archive.s3.credentialsFile"
            ),
        ])
    func mistaken(text: String, key: String) {
        #expect(mistakes(minimal("archive: \(text)")).map(\.key) == [key])
    }
}
