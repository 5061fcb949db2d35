import HTTPTransport
import Platform
import TestSupport
import Testing

@testable import ObjectStorage

/// What services, proxies and mounted secrets may hold.
@Suite(.ownThread)
struct ParserFuzzTests {
    private static let listing = """
        <?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">\
        <Name>b</Name><Prefix>x%2F</Prefix><KeyCount>2</KeyCount><IsTruncated>true</IsTruncated>\
        <NextContinuationToken>1ueGc+/=</NextContinuationToken><Contents><Key>x%2Fa+b</Key><Size>12</Size></Contents>\
        <CommonPrefixes><Prefix>x%2Fd%2F</Prefix></CommonPrefixes></ListBucketResult>
        """
    private static let refusal = """
        <Error><Code>AuthorizationHeaderMalformed</Code><Message>a &amp; b</Message><Region>eu</Region>\
        <RequestId>1</RequestId></Error>
        """

    @Test("answers in XML")
    func xml() throws {
        let words = [
            "<!--", "-->", "<![CDATA[", "]]>", "<a>", "</a>", "&#x110000;", "&amp;", "<?", "<!", "/>", "<Error>",
        ]
        try Fuzz([Self.listing, Self.refusal], words: words, cases: 8_000).run { bytes in
            let root = XMLElement(parsing: bytes)
            for status in [200, 403, 503] {
                let response = HTTPResponse(
                    status: status, body: bytes, headers: ["date": "Fri, 24 May 2013 00:00:00 GMT"])
                let failure = S3Failure(status: status, headers: [:], body: bytes, expectsXML: true)
                let verdict = S3Verdict.of(
                    response, failure: failure, expectsXML: true, signedAt: S3Moment(seconds: 0), region: "eu")
                // Half of an answer never stands for the whole.
                guard status != 200 || root != nil || verdict != .final else { throw FixtureError("stands") }
            }
            guard let root else { return }
            _ = root.all("Contents").map { PercentEncoding.decodeForm($0.text("Key") ?? "") }
        }
    }

    @Test("times of services, ranges and encoded keys")
    func moments() throws {
        let corpus = [
            "2013-05-24T00:00:00Z", "2013-05-24T00:00:00.123Z", "Fri, 24 May 2013 00:00:00 GMT", "bytes 0-9/100",
            "some%2Fkey+%C3%B6",
        ]
        try Fuzz(corpus, words: ["T", ":", "-", "%", "GMT", " "]).run { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            for moment in [S3Moment(iso8601: text), S3Moment(http: text)] { _ = moment?.stamp }
            if let range = ContentRange(text), range.count == 0 { throw FixtureError("an empty range") }
            _ = PercentEncoding.decodeForm(text)
            guard PercentEncoding.decodeForm(PercentEncoding.encode(text)) == text else {
                throw FixtureError("is decoded as another")
            }
        }
    }

    @Test("files of credentials: a whole pair or an error that names the file, and never a secret in it")
    func credentials() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("credentials")
        let good =
            "[default]\naws_access_key_id = AKID\naws_secret_access_key = verysecret\n\n[other]\n# x\naws_session_token=t\n"
        try Fuzz([good], words: ["[default]", "=", "\n", "#", ";", "\u{0}", "aws_access_key_id"], cases: 4_000).run {
            bytes in
            let file = try FileDescriptor(opening: path, 0o1101, mode: 0o600)
            try file.write(bytes)
            do {
                let found = try S3Credentials.read(sharedFile: path, profile: "default")
                guard !found.accessKeyID.isEmpty, !found.secretAccessKey.isEmpty else { throw FixtureError("empty") }
            } catch let error as ObjectStoreError {
                guard error.kind == .denied, error.message.contains(path), !error.message.contains("verysecret") else {
                    throw error
                }
            }
            _ = try? S3Credentials.value(in: path)
        }
    }

    @Test("keys: nothing that leads out of a directory is well-formed")
    func keys() throws {
        let corpus = ["demo/wals/0000000100000000/000000010000000000000001.gz", "some place/ö/x", "a/.b/../c"]
        try Fuzz(corpus, words: ["/", "..", ".", "//", "\u{0}", "\u{301}"]).run { bytes in
            let key = ObjectKey(String(decoding: bytes, as: UTF8.self))
            let parts = key.text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            let harmful = parts.contains { $0.isEmpty || $0.elementsEqual("..".utf8) || $0.contains(0) }
            guard !(harmful && key.isWellFormed) else { throw FixtureError("is well-formed") }
        }
    }
}
