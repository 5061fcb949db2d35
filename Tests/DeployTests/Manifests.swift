import Platform
import TestSupport
import Yams

/// The manifests of a directory, as kustomize renders them.
struct Manifests {
    let all: [Node]
    let text: String

    init(_ directory: String) async throws {
        let search = (Command.inheritedEnvironment["PATH"] ?? "").split(separator: ":").map { "\($0)/kubectl" }
        guard let kubectl = search.first(where: Files.exists) else {
            throw Missing(description: "there is no kubectl: scripts/install-dependencies test")
        }
        let command = Command(kubectl, ["kustomize", Repository.file(directory)])
        let (status, text) = try await TestChildren.output(of: command)
        guard status == .exited(0) else { throw Missing(description: "kubectl kustomize: \(text)") }
        self.text = text
        all = try Array(compose_all(yaml: text))
    }

    subscript(_ kind: String, _ name: String) -> Node {
        get throws {
            let found = all.first { $0["kind"]?.string == kind && $0["metadata"]?["name"]?.string == name }
            guard let found else { throw Missing(description: "there is no \(kind) '\(name)'") }
            return found
        }
    }

    struct Missing: Error, CustomStringConvertible {
        let description: String
    }
}

extension Node {
    /// What is at the end of a path of keys.
    func at(_ path: String...) -> Node? { path.reduce(Optional(self)) { node, key in node?[key] } }

    var list: [Node] { sequence.map { Array($0) } ?? [] }

    var texts: [String: String] {
        var result: [String: String] = [:]
        for (key, value) in mapping ?? [:] { result[key.string ?? ""] = value.scalar?.string }
        return result
    }
}
