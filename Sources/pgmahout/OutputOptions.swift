import ArgumentParser

struct OutputOptions: ParsableArguments {
    enum Format: String, CaseIterable, ExpressibleByArgument {
        case table, json
    }

    @Option(name: .shortAndLong, help: "A table for people, or JSON for scripts: one object a line.")
    var output: Format = .table
}
