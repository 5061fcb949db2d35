import ArgumentParser
import Configuration
import Platform
import Supervision

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run this member: its server, its part in the election, its archive.",
        discussion: """
            Meant to be PID 1 of a pod; works as any other process too. SIGTERM and SIGINT hand over and stop, a second \
            one hurries; SIGHUP reads the configuration again.
            """)

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        if let refusal = ProcessUser.refusal() { throw Failure(.notPermitted, refusal) }
        let code = Supervisor.run(configurationPath: options.config, environment: Command.inheritedEnvironment)
        throw ExitCode(code)
    }
}
