import ObjectStorage
import Platform
import TestSupport
import Testing

/// What every object store has to do, whatever it is made of.
struct ObjectStoreConformance {
    let store: any ObjectStore
    /// Whether the store itself can create without overwriting.
    var isAtomic = true

    func run() async throws {
        try createsAndReads()
        try comparesInsteadOfOverwriting()
        try leavesNothingOfAnAbortedUpload()
        try obeysARefusedPermission()
        try lists()
        try pages()
        try namesOfAllKinds()
        try deletes()
        if isAtomic { try await letsOneOfManyCreate() }
        try refusesIllFormedKeys()
    }

    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    private func createsAndReads() throws {
        let key: ObjectKey = "create/a/b"
        #expect(try store.head(key) == nil)
        #expect(try store.read(key) == nil)
        #expect(try store.putIfAbsent(key, bytes("0123456789")) == .created)
        #expect(try store.head(key) == ObjectInfo(key: key, size: 10))
        #expect(try store.readAll(key) == bytes("0123456789"))
        let tail = try #require(try store.read(key, from: 7))
        #expect(try tail.read(upTo: 2) == bytes("78"))
        #expect(try tail.read(upTo: 100) == bytes("9"))
        #expect(try tail.read(upTo: 100).isEmpty)
        try store.confirmDurable(key)
        // A folder is no object.
        #expect(try store.head("create/a") == nil)
        #expect(try store.read("create/a") == nil)
    }

    private func comparesInsteadOfOverwriting() throws {
        let key: ObjectKey = "compare/x"
        #expect(try store.putIfAbsent(key, bytes("one")) == .created)
        #expect(try store.putIfAbsent(key, bytes("one")) == .equal)
        for other in ["two", "on", "ones", ""] {
            #expect(try store.putIfAbsent(key, bytes(other)) == .different)
        }
        #expect(try store.readAll(key) == bytes("one"))
        // Taken between the look and the commit.
        let late = try store.upload("compare/late")
        try late.write(bytes("mine").span.bytes)
        #expect(try store.putIfAbsent("compare/late", bytes("theirs")) == .created)
        #expect(try late.commit(if: {}) == .exists)
        #expect(try store.readAll("compare/late") == bytes("theirs"))
    }

    private func leavesNothingOfAnAbortedUpload() throws {
        for abort in [true, false] {
            let upload = try store.upload("abort/x")
            try upload.write(bytes("half").span.bytes)
            #expect(try store.head("abort/x") == nil, "nothing is visible before the commit")
            if abort { upload.abort() }
        }
        #expect(try store.listAll("abort/").objects.isEmpty)
        #expect(try store.putIfAbsent("abort/x", bytes("whole")) == .created)
    }

    private func obeysARefusedPermission() throws {
        struct Refused: Error {}
        #expect(throws: Refused.self) {
            try store.putIfAbsent("refused/x", bytes("content"), if: { throw Refused() })
        }
        #expect(try store.head("refused/x") == nil)
    }

    private func lists() throws {
        for key in ["list/b", "list/a", "list/c/1", "list/c/2", "list/d/e/3"] {
            #expect(try store.putIfAbsent(ObjectKey(key), bytes(key)) == .created)
        }
        let page = try store.listAll("list/")
        #expect(page.objects.map(\.key) == ["list/a", "list/b"])
        #expect(page.objects.map(\.size) == [6, 6])
        #expect(page.folders == ["list/c/", "list/d/"])
        let all = try store.listAll("list/", recursive: true)
        #expect(all.objects.map(\.key) == ["list/a", "list/b", "list/c/1", "list/c/2", "list/d/e/3"])
        #expect(all.folders.isEmpty)
        let behind = try listAll("list/", after: "list/a", recursive: true)
        #expect(behind.objects.map(\.key) == ["list/b", "list/c/1", "list/c/2", "list/d/e/3"])
        #expect(try store.listAll("nothing/here/").objects.isEmpty)
        #expect(try store.listAll("").folders.contains("list/"))
    }

    private func pages() throws {
        for number in 1...4 {
            #expect(try store.putIfAbsent(ObjectKey("pages/\(number)"), [1]) == .created)
            #expect(try store.putIfAbsent(ObjectKey("pages/\(number)-folder/x"), [1]) == .created)
        }
        // From any object or folder on, the rest comes, each once.
        let all = try store.listAll("pages/")
        #expect(all.objects.map(\.key.name) == (1...4).map { "\($0)" })
        #expect(all.folders == (1...4).map { "pages/\($0)-folder/" })
        for number in 1...4 {
            let rest = try listAll("pages/", after: ObjectKey("pages/\(number)-folder/"))
            #expect(rest.objects.map(\.key) == all.objects.map(\.key).suffix(4 - number))
            #expect(rest.folders == all.folders.suffix(4 - number))
        }
        let within = try listAll("pages/", after: "pages/3-folder/x")
        #expect(within.objects.map(\.key) == ["pages/4"] && within.folders == ["pages/4-folder/"])
    }

    private func listAll(_ prefix: String, after: ObjectKey, recursive: Bool = false) throws -> ObjectPage {
        var all = ObjectPage(objects: [], folders: [], next: after)
        while let next = all.next {
            let page = try store.list(prefix, after: next, recursive: recursive)
            all.objects += page.objects
            all.folders += page.folders
            all.next = page.next
        }
        return all
    }

    private func namesOfAllKinds() throws {
        let names = [
            "with blank", "plus+and%25", "ä-日本", "<&>\"'", "a;b=c,d?e#f", "~!$()*@[]{}|\\^`", " x ", "e\u{301}", "é",
            "\u{301}accent",
        ]
        for name in names {
            let key = ObjectKey("names/\(name)/\(name)")
            #expect(try store.putIfAbsent(key, bytes(name)) == .created, "\(name)")
            #expect(try store.readAll(key) == bytes(name))
            #expect(try store.head(key)?.size == UInt64(name.utf8.count))
        }
        let listed = try store.listAll("names/", recursive: true).objects.map(\.key)
        // Compared by bytes: two spellings of one letter are two names.
        let expected = names.map { ObjectKey("names/\($0)/\($0)") }.sorted()
        #expect(listed.map { Array($0.text.utf8) } == expected.map { Array($0.text.utf8) })
        try store.delete(listed)
        #expect(try store.listAll("names/", recursive: true).objects.isEmpty)
    }

    private func deletes() throws {
        #expect(try store.putIfAbsent("delete/x", bytes("x")) == .created)
        try store.delete("delete/x")
        #expect(try store.head("delete/x") == nil)
        try store.delete("delete/x")
        #expect(try !store.listAll("").folders.contains("delete/"))
        #expect(try store.putIfAbsent("delete/x", bytes("y")) == .created)
        #expect(try store.putIfAbsent("delete/y", bytes("y")) == .created)
        try store.delete(["delete/x", "delete/nothing", "delete/y"])
        #expect(try store.listAll("delete/").objects.isEmpty)
        try store.delete([ObjectKey]())
    }

    private func letsOneOfManyCreate() async throws {
        let store = store
        let outcomes = try await withThrowingTaskGroup(of: PutOutcome.self) { group in
            for number in 0..<8 {
                group.addTask { try store.putIfAbsent("race/x", Array("writer \(number)".utf8)) }
            }
            return try await group.reduce(into: [PutOutcome]()) { $0.append($1) }
        }
        #expect(outcomes.count { $0 == .created } == 1)
        #expect(outcomes.count { $0 == .different } == 7)
    }

    private func refusesIllFormedKeys() throws {
        for key: ObjectKey in ["../x", "a/../../x", "/etc/passwd", ".incoming/x", ""] {
            #expect { try store.head(key) } throws: { ($0 as? ObjectStoreError)?.kind == .invalidKey }
            #expect { try store.upload(key) } throws: { ($0 as? ObjectStoreError)?.kind == .invalidKey }
            #expect { try store.delete(key) } throws: { ($0 as? ObjectStoreError)?.kind == .invalidKey }
        }
        #expect { try store.listAll("../") } throws: { ($0 as? ObjectStoreError)?.kind == .invalidKey }
    }
}
