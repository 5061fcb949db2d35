import Leadership

/// Beside those that a decision can lead to. All of them are documented in docs/operations.md.
extension ExitCode {
    /// Something that is needed to begin is not there: a port, the server's programs, the data directory's lock.
    package static let unavailable: Int32 = 69
    /// The configuration has mistakes.
    package static let configuration: Int32 = 78
}
