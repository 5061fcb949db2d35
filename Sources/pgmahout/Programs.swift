import Platform

/// Our other programs, which lie beside this one.
enum Programs {
    static func path(_ name: String) -> String {
        let own = (try? Files.linkTarget("/proc/self/exe")) ?? "/usr/bin/pgmahout"
        return own.split(separator: "/").dropLast().map { "/" + $0 }.joined() + "/" + name
    }
}
