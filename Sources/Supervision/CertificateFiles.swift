import Configuration
import Logging
import Platform
import Synchronization
import TLS

/// The files of `http.tls`, as they last were of use together: reading them again is the disk thread's work. While they
/// are replaced one after the other, what was there before stays.
final class CertificateFiles: Sendable {
    let server = TLSServer()
    private let certificate: String
    private let key: String
    private let authorities: String?
    private let complaint = Mutex("")

    /// nil: no TLS is configured.
    init?(_ tls: PgmahoutConfiguration.TLS) {
        guard let certificate = tls.certificateFile, let key = tls.keyFile else { return nil }
        self.certificate = certificate
        self.key = key
        authorities = tls.caFile
    }

    func refresh() throws {
        let material = TLSMaterial(
            certificate: try Files.read(certificate, limit: 1 << 20), key: try Files.read(key, limit: 1 << 20),
            authorities: try authorities.map { try Files.read($0, limit: 1 << 20) } ?? [])
        try server.replace(material)
    }

    /// As `refresh`; what is wrong is said once.
    func refresh(_ log: Logger) {
        do {
            try refresh()
            complaint.withLock { $0 = "" }
        } catch {
            let text = "\(error)"
            let isNew = complaint.withLock { complaint in
                defer { complaint = text }
                return complaint != text
            }
            if isNew {
                log.error("the files of http.tls cannot be used; those of before stay", metadata: ["error": "\(text)"])
            }
        }
    }
}
