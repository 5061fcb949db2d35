import ObjectStorage
import Testing

struct ObjectKeyTests {
    @Test(
        "keys that could leave the store, or hide in it, are ill-formed",
        arguments: ["", "/a", "a/", "a//b", "..", "a/../b", "./a", "a/.hidden", "a\u{0}b"])
    func illFormed(text: String) { #expect(!ObjectKey(text).isWellFormed) }

    @Test("ordinary keys are well-formed", arguments: ["a", "demo/wals/0000000100000000/x.gz", "ä ö/ü", "a..b/c.d"])
    func wellFormed(text: String) { #expect(ObjectKey(text).isWellFormed) }

    @Test("the name of a key is its last component, and components can be appended")
    func name() {
        let key: ObjectKey = "demo/base"
        #expect((key / "x").text == "demo/base/x")
        #expect((key / "x").name == "x")
    }
}
