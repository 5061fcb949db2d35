/// A file that must be there before a server is run.
struct FileCheck: Sendable {
    let key: String
    /// nil when the configuration names none.
    let path: @Sendable (PgmahoutConfiguration) -> String?
    let mistake: @Sendable (_ path: String, _ files: ConfigurationFiles) -> (found: String, allowed: String)?

    /// Largest secret that is read.
    private static let secretLimit = 4096

    static let all: [FileCheck] = [
        FileCheck(key: "postgres.binDirectory") {
            $0.postgres.binDirectory
        } mistake: { path, files in
            files.isExecutable(path + "/postgres")
                ? nil
                : ("found no program '\(path)/postgres'", "the directory with the programs of a PostgreSQL server")
        },
        secret("postgres.superuserPasswordFile") { $0.postgres.superuserPasswordFile },
        secret("postgres.replicationPasswordFile") { $0.postgres.replicationPasswordFile },
        secret("http.tokenFile") { $0.http.tokenFile },
    ]

    private static func secret(_ key: String, path: @escaping @Sendable (PgmahoutConfiguration) -> String?) -> FileCheck
    {
        FileCheck(key: key, path: path) { path, files in
            let allowed = "a file with one line of text that user \(ProcessUser.current) may read"
            let content: [UInt8]
            do throws(ConfigurationFiles.Problem) {
                content = try files.read(path, secretLimit)
            } catch {
                return ("'\(path)' cannot be read: \(error.reason)", allowed)
            }
            // One line break at the end is what editors and `echo` leave; anything else would become part of it.
            var line = content[...]
            if line.last == UInt8(ascii: "\n") { line.removeLast() }
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            if line.isEmpty { return ("'\(path)' is empty", allowed) }
            if line.contains(where: { $0 < 0x20 }) {
                return ("'\(path)' has several lines or control characters", allowed)
            }
            return nil
        }
    }
}
