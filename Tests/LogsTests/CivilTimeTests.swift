import Glibc
import Testing

@testable import Logs

@Suite struct CivilTimeTests {
    @Test("agrees with the C library on any day from 1970 to 9999")
    func agreesWithTheLibrary() throws {
        for _ in 0..<20_000 {
            let seconds = Int64.random(in: 0..<253_402_300_800)
            var (time, parts) = (time_t(seconds), tm())
            try #require(gmtime_r(&time, &parts) != nil)
            let pad = { (value: Int32) in (value < 10 ? "0" : "") + String(value) }
            let expected =
                "\(parts.tm_year + 1900)-\(pad(parts.tm_mon + 1))-\(pad(parts.tm_mday))"
                + "T\(pad(parts.tm_hour)):\(pad(parts.tm_min)):\(pad(parts.tm_sec)).007Z"
            let moment = CivilTime(milliseconds: seconds * 1000 + 7)
            #expect(moment.description == expected)
            let postgres = expected.replacing("T", with: " ").replacing("Z", with: " UTC")
            #expect(CivilTime(postgres: postgres) == moment)
        }
    }

    @Test(
        "knows no time zone but UTC",
        arguments: ["2026-01-02 03:04:05.678 CET", "2026-01-02 03:04:05.678", "", "now UTC", "2026-13-02 03:04:05 UTC"])
    func refused(_ text: String) {
        #expect(CivilTime(postgres: text) == nil)
    }

    @Test("reads PostgreSQL's time with and without milliseconds")
    func forms() {
        #expect(CivilTime(postgres: "2026-01-02 03:04:05 GMT")?.description == "2026-01-02T03:04:05.000Z")
        #expect(CivilTime(postgres: "1970-01-01 00:00:00.001 UTC")?.milliseconds == 1)
        #expect(CivilTime(milliseconds: -1).description == "1969-12-31T23:59:59.999Z")
    }
}
