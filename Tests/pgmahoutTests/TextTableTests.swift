import Testing

@testable import pgmahout

struct TextTableTests {
    @Test("columns are as wide as their widest cell, numbers stand on the right, nothing trails")
    func layout() {
        var table = TextTable([.init("NAME"), .init("SIZE", .right), .init("NOTE")])
        table.add(["a", "1", "x"])
        table.add(["longer", "12345", ""])
        #expect(
            table.text == """
                NAME     SIZE  NOTE
                a           1  x
                longer  12345  -
                """)
    }

    @Test("a table without rows is its heading")
    func empty() {
        #expect(TextTable([.init("A"), .init("B")]).text == "A  B")
    }

    @Test(
        "sizes have the largest unit that leaves one digit before the point",
        arguments: [
            (UInt64(0), "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (16 << 20, "16.0 MiB"),
            (5 << 30, "5.0 GiB"), (1 << 60, "1024.0 PiB"),
        ])
    func sizes(count: UInt64, text: String) {
        #expect(Amounts.bytes(count) == text)
    }

    @Test(
        "time that has run out is none left",
        arguments: [(Int64(-5), "0.0 s"), (0, "0.0 s"), (3449, "3.4 s"), (60000, "60.0 s")])
    func seconds(milliseconds: Int64, text: String) {
        #expect(Amounts.seconds(milliseconds: milliseconds) == text)
    }
}
