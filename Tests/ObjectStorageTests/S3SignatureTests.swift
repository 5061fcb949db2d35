import Testing

@testable import ObjectStorage

/// Values that AWS publishes: the examples of "Authenticating Requests (AWS Signature Version 4)" for S3, those of
/// "Signature Version 4 signing process", and of the aws-sig-v4-test-suite what means the same for S3.
struct S3SignatureTests {
    private static let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    struct Vector: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var method = "GET"
        var path = "/"
        var query = ""
        var headers: [(String, String)] = []
        var payloadHash = S3SignatureTests.empty
        var signature: String
    }

    private func signature(of vector: Vector, _ signer: S3Signature, _ headers: [(String, String)]) throws -> String {
        let text = try signer.authorization(
            method: vector.method, path: vector.path, query: vector.query, headers: headers + vector.headers,
            payloadHash: vector.payloadHash)
        return String(text.suffix(64))
    }

    @Test(
        "requests to S3 get the signatures of Amazon's examples",
        arguments: [
            Vector(
                testDescription: "GET Object", path: "/test.txt", headers: [("range", "bytes=0-9")],
                signature: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
            Vector(
                testDescription: "PUT Object", method: "PUT", path: "/test%24file.text",
                headers: [("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
                payloadHash: "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
                signature: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
            Vector(
                testDescription: "GET Bucket Lifecycle", query: "lifecycle=",
                signature: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
            Vector(
                testDescription: "GET Bucket (List Objects)", query: "max-keys=2&prefix=J",
                signature: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
        ])
    func s3(vector: Vector) throws {
        let moment = try #require(S3Moment(iso8601: "2013-05-24T00:00:00Z"))
        let signer = S3Signature(
            credentials: S3Credentials(
                accessKeyID: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            region: "us-east-1", moment: moment)
        let headers = [
            ("host", "examplebucket.s3.amazonaws.com"), ("x-amz-content-sha256", vector.payloadHash),
            ("x-amz-date", "20130524T000000Z"),
        ]
        #expect(try signature(of: vector, signer, headers) == vector.signature)
    }

    @Test(
        "the test suite of Signature Version 4 is passed",
        arguments: [
            Vector(
                testDescription: "get-vanilla",
                signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            Vector(
                testDescription: "get-vanilla-query-order-key-case",
                query: PercentEncoding.query([("Param2", "value2"), ("Param1", "value1")]),
                signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
            Vector(
                testDescription: "post-vanilla", method: "POST",
                signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        ])
    func suite(vector: Vector) throws {
        let headers = [("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")]
        #expect(try signature(of: vector, try suiteSigner("service"), headers) == vector.signature)
    }

    @Test("the documented request to another service gets its documented signature, step by step")
    func steps() throws {
        let signer = try suiteSigner("iam")
        let (request, names) = S3Signature.canonicalRequest(
            method: "GET", path: "/",
            query: PercentEncoding.query([("Version", "2010-05-08"), ("Action", "ListUsers")]),
            headers: [
                ("x-amz-date", "20150830T123600Z"), ("host", "iam.amazonaws.com"),
                ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
            ], payloadHash: Self.empty)
        #expect(names == "content-type;host;x-amz-date")
        let toSign = try signer.stringToSign(request)
        #expect(
            toSign == """
                AWS4-HMAC-SHA256
                20150830T123600Z
                20150830/us-east-1/iam/aws4_request
                f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59
                """)
        #expect(
            ByteText.hex(try signer.signingKey()) == "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9")
        #expect(
            ByteText.hex(try Digests.hmacSHA256(toSign, key: try signer.signingKey()))
                == "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7")
    }

    @Test("headers are sorted by name alone, and blanks within them are single")
    func headers() {
        let (request, names) = S3Signature.canonicalRequest(
            method: "PUT", path: "/", query: "",
            headers: [
                ("x-amz-server-side-encryption-aws-kms-key-id", "k"), ("x-amz-server-side-encryption", " aws:kms "),
                ("x-amz-meta-a", "a   b  c"),
            ], payloadHash: "h")
        #expect(names == "x-amz-meta-a;x-amz-server-side-encryption;x-amz-server-side-encryption-aws-kms-key-id")
        #expect(request.contains("x-amz-meta-a:a b c\nx-amz-server-side-encryption:aws:kms\n"))
    }

    @Test("queries are sorted as they are encoded, and nothing but unreserved characters stays")
    func queries() {
        let query = PercentEncoding.query([("prefix", "ä b/+c"), ("list-type", "2"), ("a", "~-._"), ("uploads", "")])
        #expect(query == "a=~-._&list-type=2&prefix=%C3%A4%20b%2F%2Bc&uploads=")
        #expect(PercentEncoding.decodeForm("a+b%2Bc%C3%A4%zz%2") == "a b+cä%zz%2")
    }

    @Test(
        "sums are those of the standards",
        arguments: [
            ("", "d41d8cd98f00b204e9800998ecf8427e", "1B2M2Y8AsgTpgAmY7PhCfg=="),
            ("abc", "900150983cd24fb0d6963f7d28e17f72", "kAFQmDzST7DWlj99KOF/cg=="),
        ])
    func sums(text: String, hex: String, base64: String) throws {
        let sum = try #require(Digests.md5(Array(text.utf8)))
        #expect(ByteText.hex(sum) == hex)
        #expect(ByteText.base64(sum) == base64)
        #expect(ByteText.base64([1]) == "AQ==")
        #expect(ByteText.base64([1, 2]) == "AQI=")
        #expect(
            ByteText.hex(try Digests.sha256(Array("abc".utf8)))
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test("moments are read and written in every form that a store uses")
    func moments() throws {
        let moment = try #require(S3Moment(http: "Thu, 29 Feb 2024 23:59:58 GMT"))
        #expect(moment == S3Moment(iso8601: "2024-02-29T23:59:58.000Z"))
        #expect(moment == S3Moment(iso8601: "2024-02-29T23:59:58Z"))
        #expect(moment.seconds == 1_709_251_198)
        #expect(moment.stamp == "20240229T235958Z")
        #expect(moment.day == "20240229")
        for wrong in ["", "yesterday", "2024-13-01T00:00:00Z", "2024-01-01", "2024-01-01T00:00"] {
            #expect(S3Moment(iso8601: wrong) == nil)
            #expect(S3Moment(http: wrong) == nil)
        }
    }

    private func suiteSigner(_ service: String) throws -> S3Signature {
        let moment = try #require(S3Moment(iso8601: "2015-08-30T12:36:00Z"))
        let credentials = S3Credentials(
            accessKeyID: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
        return S3Signature(credentials: credentials, region: "us-east-1", service: service, moment: moment)
    }
}
