import Testing

@testable import Archive

struct PythonLiteralTests {
    @Test("what Python's repr writes is read and written back")
    func roundTrip() throws {
        for text in [
            "None", "True", "False", "42", "-7", "0.17", "'plain'", "'two\\nlines\\tand \\\\'", "\"it's\"",
            "'both \\' and \"'", "'\\x01\\x7f'", "[]", "[('ts1', 16384, '/path/ts'), ('ts 2', 5, '/p')]", "(1,)",
            "{'total_time': 7.19, 'per_item': {'16384': 0, 'data': 0}}", "'ü €'",
        ] { #expect(try #require(PythonLiteral(text)).text == text) }
    }

    @Test("escapes become what they stand for")
    func escapes() {
        #expect(PythonLiteral("'a\\nb\\x41\\u20ac\\U0001F418'") == .string("a\nbA€🐘"))
        #expect(PythonLiteral(" [ 1 , 2 ,] ") == .list([.int(1), .int(2)]))
    }

    @Test(
        "what is no literal is refused",
        arguments: [
            "", "'open", "[1, 2", "(1", "{'a'}", "{'a': }", "name", "1 2", "'\\q'", "'\\x4'", "__import__('os')",
            String(repeating: "[", count: 100) + String(repeating: "]", count: 100),
        ])
    func refuses(text: String) { #expect(PythonLiteral(text) == nil) }
}
