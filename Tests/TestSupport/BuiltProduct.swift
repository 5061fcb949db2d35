import Platform

/// The executables of this package, as built together with the tests.
package enum BuiltProduct {
    /// The path of an executable target, such as `pgmahout-guard`.
    package static func path(_ name: String) throws -> String {
        // The tests run from the directory that the build puts everything in.
        let tests = try Files.linkTarget("/proc/self/exe")
        guard let slash = tests.lastIndex(of: "/") else { throw SystemError("find", path: name, code: 2) }
        let path = "\(tests[..<slash])/\(name)"
        guard Files.exists(path) else { throw SystemError("find", path: path, code: 2) }
        return path
    }
}
