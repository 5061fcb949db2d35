import Testing

@testable import Logs

@Suite struct FlatJSONTests {
    private func read(_ text: String) -> FlatJSON? { FlatJSON(Array(text.utf8)[...]) }

    @Test("reads strings, numbers and literals, and leaves null out")
    func values() throws {
        let object = try #require(read(#" { "a" : "x", "b":-12, "c":true,"d":null,"e":1.5,"f":"" } "#))
        #expect(object.isComplete)
        #expect(
            object.fields == [
                .init("a", "x"), .init("b", literal: "-12"), .init("c", literal: "true"), .init("e", literal: "1.5"),
                .init("f", ""),
            ])
    }

    @Test("reads all escapes, surrogate pairs too")
    func escapes() throws {
        let object = try #require(read(#"{"a":"\"\\\/\b\f\n\r\t\u0041\ud83d\udc18\ud83d!"}"#))
        #expect(object["a"] == "\"\\/\u{8}\u{c}\n\r\tA🐘\u{fffd}!")
    }

    @Test("nested values become their text")
    func nested() throws {
        let object = try #require(read(#"{"a":{"b":["}",{}]},"c":[1,2],"d":3}"#))
        #expect(object["a"] == #"{"b":["}",{}]}"#)
        #expect(object["c"] == "[1,2]" && object["d"] == "3")
    }

    @Test("bytes that are no UTF-8, and control characters, are taken and replaced")
    func badBytes() throws {
        let bytes = Array(#"{"a":"x"#.utf8) + [0xff, 0xc3, 0x0a, 0x00] + Array(#"y","b":1}"#.utf8)
        let object = try #require(FlatJSON(bytes[...]))
        #expect(object["a"] == "x\u{fffd}\u{fffd}\n\u{0}y" && object["b"] == "1")
    }

    @Test("an object that is cut anywhere gives what was whole, and never a wrong value")
    func cut() throws {
        let bytes = Array(#"{"number":123,"text":"A\u00e9\"\n🐘 end","flag":true,"nested":[1,"]"],"last":null}"#.utf8)
        let whole = try #require(FlatJSON(bytes[...]))
        for end in 1..<bytes.count {
            let part = try #require(FlatJSON(bytes[..<end]), "\(end)")
            #expect(!part.isComplete)
            #expect(part.fields.count <= whole.fields.count)
            for (field, expected) in zip(part.fields, whole.fields) { #expect(field.key == expected.key) }
            for (field, expected) in zip(part.fields.dropLast(), whole.fields) { #expect(field == expected) }
            if let number = part["number"] { #expect(number == "123") }
        }
    }

    @Test(
        "what is no JSON object is refused",
        arguments: [
            "", "plain", "[1]", "{a:1}", #"{"a" 1}"#, #"{"a":}"#, #"{"a":1} x"#, #"{"a":01,"b":1}"#, #"{"a":1-2}"#,
            #"{"a":yes}"#, #"{"a":"x" "b":1}"#, "{,}",
        ])
    func refused(_ text: String) {
        #expect(read(text) == nil)
    }

    @Test("random bytes never trap")
    func random() {
        let alphabet = Array("{}[]\",:\\u0aé1-.tnfl \n".utf8) + [0xff, 0]
        for _ in 0..<20_000 {
            let bytes = [UInt8(ascii: "{")] + (0..<30).map { _ in alphabet.randomElement() ?? 0 }
            _ = FlatJSON(bytes[...])?.fields
        }
    }
}
