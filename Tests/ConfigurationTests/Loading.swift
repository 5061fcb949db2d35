import ClusterModel
import Configuration
import Testing

/// Loads text as the file `pgmahout.yaml`, without looking at the machine unless `files` are given.
func load(
    _ text: String, environment: [String: String] = [:], files: ConfigurationFiles? = nil
) throws(ConfigurationErrors) -> PgmahoutConfiguration {
    try ConfigurationLoader.load(
        text: text, path: "pgmahout.yaml", environment: environment, checks: files == nil ? .textOnly : .withFiles,
        files: files ?? .system)
}

/// The mistakes in the text, each on a line; empty when it loads.
func mistakes(
    _ text: String, environment: [String: String] = [:], files: ConfigurationFiles? = nil
) -> [ConfigurationError] {
    do throws(ConfigurationErrors) {
        _ = try load(text, environment: environment, files: files)
        return []
    } catch {
        return error.errors
    }
}

/// All that is required, and lines to come after it.
func minimal(_ more: String = "") -> String {
    """
    cluster: demo
    member: pg-1
    dataDirectory: /var/lib/postgresql/pgdata
    postgres: {host: 10.0.0.1}
    lease: {file: {path: /shared/demo.lease}}

    """ + more
}
