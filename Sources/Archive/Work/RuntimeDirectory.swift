import Glibc
import Platform

/// A short-lived directory of this user alone, with a short path: those of sockets may not be long.
struct RuntimeDirectory: ~Copyable {
    let path: String

    init() throws(SystemError) {
        var template = Array("/tmp/pgmahout-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("make a directory in", path: "/tmp") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        // What cannot be removed lies in /tmp.
        do { try Files.removeTree(path) } catch { return }
    }
}
