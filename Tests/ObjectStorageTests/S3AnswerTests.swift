import HTTPTransport
import Testing

@testable import ObjectStorage

struct S3AnswerTests {
    private static let sample = """
        <?xml version="1.0" encoding="UTF-8"?>
        <!-- a > b -->
        <x:Root xmlns:x="http://a/>b"><Key a='>'>a &amp; b&#x20;&#228;</Key><Empty/><Key><![CDATA[<&>]]></Key>
        <Deep><Key>no</Key></Deep></x:Root>

        """

    @Test("XML is read with its entities, sections and comments")
    func xml() throws {
        let root = try #require(XMLElement(parsing: Array(("  \n" + Self.sample).utf8)))
        #expect(root.name == "Root")
        #expect(root.all("Key").map(\.text) == ["a & b ä", "<&>"])
        #expect(root.text("Empty")?.isEmpty == true)
        #expect(root["Deep"]?.text("Key") == "no")
        #expect(root.text("Missing") == nil)
        #expect(XMLElement(parsing: Array("<a>\(XMLElement.escape("<&>\"ä"))</a>".utf8))?.text == "<&>\"ä")
    }

    @Test("half of an answer is none, wherever it is cut, and garbage does no harm")
    func cutXML() {
        let bytes = Array(Self.sample.trimmed.utf8)
        for count in 0..<bytes.count { #expect(XMLElement(parsing: Array(bytes.prefix(count))) == nil) }
        for wrong in ["", "x", "<a></b>", "<a>&nbsp;</a>", "<a>&#xD800;</a>", "<a></a><b></b>", "<a></a>x", "< ></ >"] {
            #expect(XMLElement(parsing: Array(wrong.utf8)) == nil, "\(wrong)")
        }
        #expect(XMLElement(parsing: Array(String(repeating: "<a>", count: 100_000).utf8)) == nil)
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            var broken = bytes
            for _ in 0..<3 { broken[Int.random(in: 0..<broken.count, using: &random)] = UInt8.random(in: 0...255) }
            _ = XMLElement(parsing: broken)
        }
    }

    @Test("ranges that make no sense are none")
    func ranges() {
        #expect(ContentRange("bytes 5-9/100")?.count == 5)
        #expect(ContentRange("bytes 0-0/*")?.total == nil)
        for wrong in [
            nil, "", "bytes 9-5/100", "bytes */100", "bytes 0-/5", "5-9/100", "bytes a-b/c", "bytes 0-9",
            "bytes 0-18446744073709551615/1",
        ] {
            #expect(ContentRange(wrong) == nil)
        }
    }

    private static func verdict(
        _ status: Int, _ body: String = "", _ headers: [String: String] = [:], expectsXML: Bool = false
    ) -> S3Verdict {
        let response = HTTPResponse(status: status, body: Array(body.utf8), headers: headers)
        let failure = S3Failure(
            status: status, headers: headers, body: response.body, expectsXML: expectsXML)
        return S3Verdict.of(
            response, failure: failure, expectsXML: expectsXML, signedAt: S3Moment(seconds: 1_369_353_600),
            region: "us-east-1")
    }

    private static func error(_ code: String) -> String { "<Error><Code>\(code)</Code><Message>m</Message></Error>" }

    @Test("what passes is tried again, and nothing else is", arguments: [408, 429, 499, 500, 502, 503, 504])
    func passing(status: Int) {
        guard case .again = Self.verdict(status) else { return #expect(Bool(false), "\(status)") }
    }

    @Test("what does not pass stands", arguments: [404, 405, 409, 412, 416, 501])
    func standing(status: Int) { #expect(Self.verdict(status, Self.error("X")) == .final) }

    @Test(
        "conflicts and disturbances pass, whatever their status",
        arguments: [
            (409, "ConditionalRequestConflict"), (409, "OperationAborted"), (400, "RequestTimeout"), (400, "BadDigest"),
            (200, "InternalError"), (200, "SlowDown"),
        ])
    func conflicts(status: Int, code: String) {
        guard case .again(_, let mayHaveBeenDone, _) = Self.verdict(status, Self.error(code), expectsXML: true) else {
            return #expect(Bool(false), "\(status) \(code)")
        }
        #expect(mayHaveBeenDone == (status == 200))
    }

    @Test("a region, a clock and credentials that are wrong are corrected")
    func corrections() {
        let malformed = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>garage</Region></Error>"
        #expect(Self.verdict(400, malformed) == .corrected(.region("garage"), "400 AuthorizationHeaderMalformed"))
        let moved = Self.verdict(301, "", ["x-amz-bucket-region": "eu-west-1"])
        #expect(moved == .corrected(.region("eu-west-1"), "301"))
        #expect(Self.verdict(400, Self.error("ExpiredToken")) == .corrected(.credentials, "400 ExpiredToken: m"))
        #expect(Self.verdict(403) == .corrected(.credentials, "403"))
        let now = ["date": "Fri, 24 May 2013 00:00:00 GMT"]
        #expect(Self.verdict(403, "", now) == .corrected(.credentials, "403"))
        let later = S3Moment(seconds: 1_369_357_200)
        #expect(Self.verdict(403, "", ["date": "Fri, 24 May 2013 01:00:00 GMT"]) == .corrected(.clock(later), "403"))
        // Ceph's quota is a 403 as well.
        #expect(Self.verdict(403, Self.error("QuotaExceeded")) == .hopeless(.full, "403 QuotaExceeded: m"))
    }

    @Test("how long a store asks to wait is listened to")
    func retryAfter() {
        let verdict = Self.verdict(503, Self.error("SlowDown"), ["retry-after": "7", "x-amz-request-id": "R1"])
        #expect(verdict == .again("503 SlowDown: m (request R1)", mayHaveBeenDone: true, after: .seconds(7)))
    }
}
