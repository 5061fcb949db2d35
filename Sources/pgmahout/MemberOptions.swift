import ArgumentParser
import Configuration
import HTTPTransport
import Platform

/// Which member is asked.
struct MemberOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("The management interface of any member, such as http://10.0.0.1:8008.", valueName: "url"))
    var url: String?

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "Ask the member that this configuration file is about.",
            discussion: "Default without --url: \(ConfigurationOptions.defaultPath) if it is there, "
                + "else http://127.0.0.1:8008.", valueName: "file"))
    var config: String?

    @Option(
        help: ArgumentHelp(
            "A file with the bearer token; default: http.tokenFile of the configuration.", valueName: "file"))
    var tokenFile: String?

    @Option(
        help: ArgumentHelp(
            "For https: certificates of the authorities that are trusted; default: http.tls.caFile.", valueName: "file")
    )
    var caFile: String?

    @Option(
        help: ArgumentHelp(
            "For https: a client certificate whose name is in http.tls.controllers, with --key-file.", valueName: "file"
        ))
    var certificateFile: String?

    @Option(help: ArgumentHelp("For https: its private key.", valueName: "file"))
    var keyFile: String?

    func validate() throws {
        if let url, !["http://", "https://"].contains(where: url.hasPrefix) {
            throw ValidationError("'\(url)' is no URL: give one such as http://10.0.0.1:8008")
        }
    }

    func client() throws -> ManagementClient {
        let configuration = try self.configuration()
        let base = url ?? configuration.map { Self.localURL($0.http) } ?? "http://127.0.0.1:8008"
        return ManagementClient(
            base: base.hasSuffix("/") ? String(base.dropLast()) : base,
            token: try (tokenFile ?? configuration?.http.tokenFile).map(Self.readToken),
            tls: HTTPTLS(
                caFile: caFile ?? configuration?.http.tls.caFile, certificateFile: certificateFile, keyFile: keyFile))
    }

    private func configuration() throws -> PgmahoutConfiguration? {
        let usual = url == nil && Files.exists(ConfigurationOptions.defaultPath)
        guard let path = config ?? (usual ? ConfigurationOptions.defaultPath : nil) else { return nil }
        return try ConfigurationOptions.load(path, checks: .textOnly)
    }

    private static func readToken(_ path: String) throws -> String {
        do {
            let text = try Files.readText(path, limit: 4096)
            return text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        } catch {
            throw Failure(.notPermitted, "the token cannot be read: \(error)")
        }
    }

    /// How the member is reached from its own machine: changes without a token are allowed on loopback only.
    static func localURL(_ http: PgmahoutConfiguration.HTTP) -> String {
        let host =
            switch http.listen {
            case "0.0.0.0": "127.0.0.1"
            case "::": "[::1]"
            default: http.listen.contains(":") ? "[\(http.listen)]" : http.listen
            }
        return "http://\(host):\(http.port)"
    }
}
