import ArgumentParser
import Configuration
import Platform

struct ConfigurationOptions: ParsableArguments {
    static let defaultPath = "/etc/pgmahout/pgmahout.yaml"

    @Option(name: .shortAndLong, help: ArgumentHelp("The configuration file.", valueName: "file"))
    var config: String = Self.defaultPath

    func load(checks: ConfigurationLoader.Checks = .withFiles) throws -> PgmahoutConfiguration {
        try Self.load(config, checks: checks)
    }

    /// Ends the command with every mistake on a line of its own.
    static func load(_ path: String, checks: ConfigurationLoader.Checks) throws -> PgmahoutConfiguration {
        do {
            return try ConfigurationLoader.load(path: path, environment: Command.inheritedEnvironment, checks: checks)
        } catch {
            throw Failure(.configuration, "the configuration has mistakes\n\(error)")
        }
    }
}
