import Platform

/// Speaks TLS in front of a server on loopback that does not. Certificate and key are read for every connection: a test
/// may replace them.
package final class TLSFront: Sendable {
    package let port: Int
    package var url: String { "https://127.0.0.1:\(port)" }
    private let directory: TemporaryDirectory
    private let child: TestChild

    /// - Parameters:
    ///   - target: the port of the server behind.
    ///   - clientAuthority: PEM file: clients must have a certificate of this authority.
    package init(to target: Int, _ identity: TestCertificates.Pair, clientAuthority: String? = nil) async throws {
        let directory = try TemporaryDirectory()
        self.directory = directory
        let (script, portFile) = (directory.file("front.py"), directory.file("port"))
        try Files.writeDurably(Self.program.utf8, to: script)
        child = try TestChild(
            Command(
                "/usr/bin/python3",
                [script, portFile, "\(target)", identity.certificate, identity.key, clientAuthority ?? ""]))
        port = try await eventualValue("the TLS front listens") {
            Int((try? Files.readText(portFile).split(separator: "\n").first) ?? "")
        }
    }

    private static let program = """
        import os, select, socket, ssl, sys, threading
        port_file, target, certificate, key, client_ca = sys.argv[1:6]

        def drain(plain):
            # Closed with bytes unread, the connection would be reset, and what was said last with it.
            plain.settimeout(5)
            plain.shutdown(socket.SHUT_WR)
            while plain.recv(65536): pass

        def carry(plain):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            if client_ca:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(client_ca)
            raw = socket.socket(fileno=os.dup(plain.fileno()))
            try: near = context.wrap_socket(plain, server_side=True)
            except ssl.SSLError: return drain(raw)
            finally: raw.close()
            far = socket.create_connection(("127.0.0.1", int(target)))
            try:
                while True:
                    ready = [near] if near.pending() else select.select([near, far], [], [])[0]
                    for end, other in ((near, far), (far, near)):
                        if end in ready:
                            data = end.recv(65536)
                            if not data: return
                            other.sendall(data)
            finally:
                near.close()
                far.close()

        def guarded(plain):
            try: carry(plain)
            except OSError: plain.close()

        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        with open(port_file + ".new", "w") as file: file.write(f"{listener.getsockname()[1]}\\n")
        os.rename(port_file + ".new", port_file)
        while True:
            plain, _ = listener.accept()
            threading.Thread(target=guarded, args=(plain,), daemon=True).start()

        """
}
