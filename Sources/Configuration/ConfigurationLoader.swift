import ClusterModel

/// Reads the file, lays the environment over it and validates the whole before anything starts.
package enum ConfigurationLoader {
    /// What is looked at besides the text.
    package enum Checks: Hashable, Sendable {
        /// Also the programs and secrets that the configuration names: before a server is run.
        case withFiles
        /// Nothing: for commands that only want to know an address, and for checks on another machine.
        case textOnly
    }

    /// Largest file that is read.
    private static let sizeLimit = 1 << 20

    /// Throws every mistake that was found, not only the first. `environment` is the whole environment of the process.
    package static func load(
        path: String, environment: [String: String], checks: Checks = .withFiles, files: ConfigurationFiles = .system
    ) throws(ConfigurationErrors) -> PgmahoutConfiguration {
        let place = ConfigurationError.Place.wholeFile(path: path)
        let bytes: [UInt8]
        do {
            bytes = try files.read(path, sizeLimit)
        } catch {
            throw ConfigurationErrors([
                ConfigurationError(
                    place: place, key: "", found: "cannot be read: \(error.reason)",
                    allowed: "a YAML file that user \(ProcessUser.current) may read")
            ])
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ConfigurationErrors([
                ConfigurationError(place: place, key: "", found: "found bytes that are no text", allowed: "UTF-8")
            ])
        }
        return try load(text: text, path: path, environment: environment, checks: checks, files: files)
    }

    /// The same for text that was read already; `path` is what errors call it.
    package static func load(
        text: String, path: String, environment: [String: String], checks: Checks = .withFiles,
        files: ConfigurationFiles = .system
    ) throws(ConfigurationErrors) -> PgmahoutConfiguration {
        let document = YAMLDocument.read(text) { .file(path: path, line: $0, column: $1) }
        var given = GivenValues()
        given.take(
            file: document.root
                ?? ConfigurationNode(place: .file(path: path, line: 1, column: 1), content: .nothing))
        given.take(environment: environment)
        var assembly = Assembly(given: given, environment: environment)
        // Without a readable file all that is required would seem to be missing.
        if document.root != nil || document.errors.isEmpty { assembly.run() }
        if checks == .withFiles { assembly.check(files) }
        let errors = document.errors + given.errors + assembly.errors
        guard errors.isEmpty else { throw ConfigurationErrors(errors) }
        return assembly.configuration
    }
}
