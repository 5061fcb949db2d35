import Metrics
import Platform
import Testing

@testable import Management

/// What the operations page names is really there.
struct OperationsPageTests {
    private let page: String

    init() throws {
        // Three folders up: this file, its tests, the package.
        let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
        page = try Files.readText(root + "/docs/operations.md", limit: 1 << 20)
    }

    @Test("every metric that the page names exists")
    func metrics() {
        let names = MemberMetrics().registry.headers.map(\.name)
        let named = page.matches(of: /pgmahout_[a-z_]+/).map { String($0.output) }
        #expect(named.count > 20)
        for name in named {
            // With a dash behind it, it is the beginning of several.
            let exists = name.hasSuffix("_") ? names.contains { $0.hasPrefix(name) } : names.contains(name)
            #expect(exists, "\(name)")
        }
    }

    @Test("every path that the server knows stands on the page")
    func paths() {
        for path in Endpoint.Fixed.allCases.map(\.rawValue) + RoleCheck.paths {
            #expect(page.contains(" \(path)`") || page.contains("`\(path)`"), "\(path)")
        }
        for action in Endpoint.MemberAction.allCases {
            #expect(page.contains("/\(action.rawValue)`"), "\(action)")
        }
    }
}
