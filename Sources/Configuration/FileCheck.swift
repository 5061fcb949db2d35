/// A file that must be there before a server is run.
struct FileCheck: Sendable {
    let key: String
    /// nil when the configuration names none.
    let path: @Sendable (PgmahoutConfiguration) -> String?
    let mistake: @Sendable (_ path: String, _ files: ConfigurationFiles) -> (found: String, allowed: String)?

    /// Largest secret that is read.
    private static let secretLimit = 16 << 10
    /// Largest bundle of certificates that is read.
    private static let certificateLimit = 1 << 20

    static let all: [FileCheck] =
        member + Schema.archivePlace.fileChecks + Schema.recoveryPlace.fileChecks
        + Schema.foreignArchivePlace.fileChecks

    private static let member: [FileCheck] = [
        FileCheck(key: "postgres.binDirectory") {
            $0.postgres.binDirectory
        } mistake: { path, files in
            files.isExecutable(path + "/postgres")
                ? nil
                : ("found no program '\(path)/postgres'", "the directory with the programs of a PostgreSQL server")
        },
        secret("postgres.superuserPasswordFile") { $0.postgres.superuserPasswordFile },
        secret("postgres.replicationPasswordFile") { $0.postgres.replicationPasswordFile },
        secret("standbyCluster.passwordFile") { $0.standbyCluster?.passwordFile },
        certificates("standbyCluster.sslRootCertificateFile") { $0.standbyCluster?.sslRootCertificateFile },
        secret("http.tokenFile") { $0.http.tokenFile },
        // While it is changed, the new secret stands before the old one.
        secret("peers.secretFile", lines: 4) { $0.peers.secretFile },
        certificates("http.tls.certificateFile") { $0.http.tls.certificateFile },
        certificates("http.tls.keyFile") { $0.http.tls.keyFile },
        certificates("http.tls.caFile") { $0.http.tls.caFile },
        certificates("lease.etcd.caFile") { $0.lease.etcd.caFile },
        certificates("lease.etcd.certificateFile") { $0.lease.etcd.certificateFile },
        certificates("lease.etcd.keyFile") { $0.lease.etcd.keyFile },
        secret("lease.etcd.passwordFile") { $0.lease.etcd.passwordFile },
        secret("lease.kubernetes.tokenFile") { $0.kubernetesAccess.tokenFile },
        certificates("lease.kubernetes.caFile") { $0.kubernetesAccess.caFile },
        secret("lease.kubernetes.namespace") {
            $0.kubernetesAccess.namespace == nil ? PgmahoutConfiguration.namespaceFile : nil
        },
    ]

    static func secret(
        _ key: String, lines: Int = 1, path: @escaping @Sendable (PgmahoutConfiguration) -> String?
    ) -> FileCheck {
        FileCheck(key: key, path: path) { path, files in
            let text = lines == 1 ? "one line" : "one to \(lines) lines"
            let allowed = "a file with \(text) of text that user \(ProcessUser.current) may read"
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
            var parts = [line]
            if lines > 1 {
                parts = line.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
                    .map { $0.last == UInt8(ascii: "\r") ? $0.dropLast() : $0 }
            }
            if parts.count > lines || parts.contains(where: { $0.isEmpty || $0.contains { $0 < 0x20 } }) {
                return (
                    lines == 1
                        ? "'\(path)' has several lines or control characters"
                        : "'\(path)' has too many or empty lines, or control characters", allowed
                )
            }
            return nil
        }
    }

    /// Whether they are good is found out by whoever speaks TLS; here only what cannot be meant.
    static func certificates(
        _ key: String, path: @escaping @Sendable (PgmahoutConfiguration) -> String?
    ) -> FileCheck {
        FileCheck(key: key, path: path) { path, files in
            let allowed = "a file in PEM form that user \(ProcessUser.current) may read"
            do throws(ConfigurationFiles.Problem) {
                let content = String(decoding: try files.read(path, certificateLimit), as: UTF8.self)
                return content.contains("-----BEGIN ") ? nil : ("'\(path)' has no PEM block", allowed)
            } catch {
                return ("'\(path)' cannot be read: \(error.reason)", allowed)
            }
        }
    }
}
