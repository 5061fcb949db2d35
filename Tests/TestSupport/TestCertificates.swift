import Glibc
import Platform

/// An authority of a test, and what it certifies: PEM files in a directory that goes with this value.
package final class TestCertificates: Sendable {
    /// A certificate and its key.
    package struct Pair: Sendable {
        package let certificate: String
        package let key: String
    }

    private let directory: TemporaryDirectory
    /// The authority's own certificate: what clients and servers that trust it are given.
    package var authority: String { directory.file("ca.crt") }
    /// Where everything is, also for what a test adds.
    package var path: String { directory.path }

    package init() async throws {
        // Authorities of one name would be taken for one, with signatures that are wrong.
        let name = "authority \(UInt32.random(in: .min ... .max))"
        directory = try TemporaryDirectory()
        try await Self.openssl(
            ["req", "-x509"] + Self.newKey + [
                "-days", "2", "-subj", "/CN=\(name)", "-keyout", directory.file("ca.key"), "-out", authority,
            ])
    }

    /// - Parameters:
    ///   - name: of the files, and the certificate's common name.
    ///   - alternatives: whom it is for, as in `IP:127.0.0.1`; may be empty for clients.
    ///   - expired: whether its time is over.
    package func issue(
        _ name: String, for alternatives: [String] = ["IP:127.0.0.1", "DNS:localhost"], expired: Bool = false
    ) async throws -> Pair {
        let pair = Pair(certificate: directory.file("\(name).crt"), key: directory.file("\(name).key"))
        let request = directory.file("\(name).csr")
        let extensions =
            alternatives.isEmpty ? [] : ["-addext", "subjectAltName=\(alternatives.joined(separator: ","))"]
        try await Self.openssl(
            ["req", "-new"] + Self.newKey + ["-subj", "/CN=\(name)", "-keyout", pair.key, "-out", request] + extensions)
        try await Self.openssl([
            "x509", "-req", "-in", request, "-copy_extensions", "copy", "-days", expired ? "-1" : "2", "-CA", authority,
            "-CAkey", directory.file("ca.key"), "-set_serial", "\(UInt32.random(in: 1 ... .max))", "-out",
            pair.certificate,
        ])
        for file in [pair.certificate, pair.key] { try giveToPostgres(file) }
        return pair
    }

    private static let newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]

    private static func openssl(_ arguments: [String]) async throws {
        let (status, text) = try await TestChildren.output(of: Command("/usr/bin/openssl", arguments))
        guard status == .exited(0) else { throw SystemError("openssl \(arguments): \(text)", code: EIO) }
    }
}
