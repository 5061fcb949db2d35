import Platform
import TestSupport
import Testing

@testable import Supervision

@Suite("A file of secrets")
struct SecretFileTests {
    @Test("holds one a line: the first is sent, all of them count, and more than the limit do not")
    func lines() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/secret"
        try Files.writeDurably(Array("new\n\n old \r\nthird\n".utf8), to: path)
        let file = SecretFile(path: path, limit: 2)
        #expect(file.all == [])
        file.refresh()
        #expect(file.all == ["new", "old"])
        #expect(file.current == "new")
    }

    @Test("is read again when it was replaced; one that is gone or empty for a moment locks nobody out")
    func rotation() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/secret"
        try Files.writeDurably(Array("one".utf8), to: path)
        let file = SecretFile(path: path)
        file.refresh()
        try Files.writeDurably([], to: path)
        file.refresh()
        #expect(file.current == "one")
        try Files.remove(path)
        file.refresh()
        #expect(file.current == "one")
        try Files.writeDurably(Array("two\n".utf8), to: path)
        file.refresh()
        #expect(file.current == "two")
    }
}
