/// Whom a client trusts over `https`, and who it is itself. Peer and host name are always verified; TLS 1.2 at least.
///
/// The files are read for every request, and a connection is used again only for the very same contents: after a
/// rotation the next request opens a new one.
package struct HTTPTLS: Hashable, Sendable {
    /// PEM: the only authorities that are trusted; nil: those of the system.
    package var caFile: String?
    /// PEM: the client's certificate, followed by intermediate ones.
    package var certificateFile: String?
    /// PEM, without a passphrase: the key of `certificateFile`; nil: it is in the same file.
    package var keyFile: String?

    package init(caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil) {
        self.caFile = caFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }
}
