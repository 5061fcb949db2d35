import CCurl
import CCurlShim
import Platform

extension Transfer {
    /// Contents instead of names: libcurl compares them when it looks for a connection to use again, so that one from
    /// before a rotation is never taken, and it keeps no authorities of ours in memory between connections.
    func configureTLS(
        _ easy: UnsafeMutableRawPointer, _ tls: HTTPTLS, _ check: (CURLcode, String) throws(HTTPError) -> Void
    ) throws(HTTPError) {
        try check(ccs_set_long(easy, CURLOPT_SSL_VERIFYPEER, 1), "SSL_VERIFYPEER")
        try check(ccs_set_long(easy, CURLOPT_SSL_VERIFYHOST, 2), "SSL_VERIFYHOST")
        try check(ccs_set_long(easy, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2)), "SSLVERSION")
        if let file = tls.caFile {
            try setBlob(CURLOPT_CAINFO_BLOB, file, "the CA file", check)
            // Otherwise those of the system would be trusted as well.
            try check(ccs_set_string(easy, CURLOPT_CAPATH, nil), "CAPATH")
        }
        guard let certificate = tls.certificateFile else { return }
        try setBlob(CURLOPT_SSLCERT_BLOB, certificate, "the certificate file", check)
        try setBlob(CURLOPT_SSLKEY_BLOB, tls.keyFile ?? certificate, "the key file", check)
    }

    private func setBlob(
        _ option: CURLoption, _ file: String, _ what: String, _ check: (CURLcode, String) throws(HTTPError) -> Void
    ) throws(HTTPError) {
        let content: [UInt8]
        do { content = try Files.read(file, limit: 1 << 20) } catch { throw .tls("\(what) cannot be used: \(error)") }
        guard !content.isEmpty else { throw .tls("\(what) '\(file)' is empty") }
        try check(ccs_set_blob(easy, option, content, content.count), "blob")
    }
}

extension HTTPError {
    /// - Parameters:
    ///   - outcome: not success.
    ///   - detail: libcurl's own words, or nothing.
    ///   - wasSilent: whether a new TLS connection broke before the server had said anything.
    init(_ outcome: CURLcode, detail: String, tls: HTTPTLS, wasSilent: Bool) {
        let detail = detail.isEmpty ? String(cString: curl_easy_strerror(outcome)) : detail
        switch outcome {
        case CURLE_OPERATION_TIMEDOUT: self = .timedOut
        case CURLE_FILESIZE_EXCEEDED: self = .tooLarge
        case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY, CURLE_OUT_OF_MEMORY,
            CURLE_BAD_FUNCTION_ARGUMENT:
            self = .invalid(detail)
        case CURLE_SEND_FAIL_REWIND: self = .unreachable("the connection broke before the answer began")
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS:
            let trusted = tls.caFile.map { "the authorities in '\($0)'" } ?? "the system's authorities"
            self = .tls("the server's certificate is refused, checked against \(trusted): \(detail)")
        case CURLE_SSL_CERTPROBLEM:
            let files = [tls.certificateFile, tls.keyFile].compactMap { $0.map { "'\($0)'" } }
            self = .tls("the client certificate in \(files.joined(separator: " and ")) cannot be used: \(detail)")
        case CURLE_SSL_CACERT_BADFILE:
            self = .tls("\(tls.caFile.map { "'\($0)'" } ?? "the system's CA file") cannot be used: \(detail)")
        case CURLE_SSL_CIPHER, CURLE_SSL_CLIENTCERT: self = .tls(detail)
        case CURLE_SSL_CONNECT_ERROR:
            // A connection that breaks in the middle of the handshake says nothing about trust.
            self = Self.breaks.contains(where: detail.contains) ? .unreachable(detail) : .tls(detail)
        case CURLE_RECV_ERROR, CURLE_SEND_ERROR:
            // With TLS 1.3 a server says only after the handshake what it thinks of the client's certificate.
            guard detail.contains("alert") else {
                // Its last words may be lost with the connection.
                let hint = wasSilent ? ", at once after the TLS handshake: the client's certificate may be refused" : ""
                self = .unreachable(detail + hint)
                return
            }
            let own = tls.certificateFile.map { "the client certificate in '\($0)'" } ?? "a client without certificate"
            self = .tls("the server refuses \(own): \(detail)")
        default: self = .unreachable(detail)
        }
    }

    private static let breaks = ["Connection reset", "SSL_ERROR_SYSCALL", "Broken pipe", "unexpected eof"]
}
