import ArgumentParser
import Configuration
import Platform

struct Config: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check a configuration file, or show what can stand in one.",
        subcommands: [Check.self, Reference.self])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List every mistake in a configuration file and in the environment.",
            discussion: "Exit code 0 when there is none, 78 when there are some.")

        @OptionGroup var options: ConfigurationOptions
        @OptionGroup var output: OutputOptions

        @Flag(help: "Do not look for the programs and secrets that it names: for a check on another machine.")
        var textOnly = false

        func run() throws {
            var mistakes: [ConfigurationError] = []
            do {
                _ = try ConfigurationLoader.load(
                    path: options.config, environment: Command.inheritedEnvironment,
                    checks: textOnly ? .textOnly : .withFiles)
            } catch {
                mistakes = error.errors
            }
            switch output.output {
            case .json: for mistake in mistakes { try Console.json(Entry(mistake)) }
            case .table: for mistake in mistakes { Console.line(mistake.description) }
            }
            guard mistakes.isEmpty else {
                let count = mistakes.count == 1 ? "one mistake" : "\(mistakes.count) mistakes"
                throw Failure(.configuration, "\(options.config) has \(count)")
            }
            if output.output == .table { Console.line("\(options.config) is good") }
        }

        /// A mistake as JSON.
        private struct Entry: Encodable {
            let file: String?
            let line: Int?
            let column: Int?
            let variable: String?
            let key: String
            let found: String
            let allowed: String

            init(_ mistake: ConfigurationError) {
                key = mistake.key
                found = mistake.found
                allowed = mistake.allowed
                switch mistake.place {
                case .file(let path, let line, let column):
                    (file, self.line, self.column, variable) = (path, line, column, nil)
                case .wholeFile(let path): (file, line, column, variable) = (path, nil, nil, nil)
                case .environment(let name): (file, line, column, variable) = (nil, nil, nil, name)
                }
            }
        }
    }

    struct Reference: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a configuration file with every key, its default and what is allowed.")

        func run() { Console.line(ConfigurationReference.text) }
    }
}
