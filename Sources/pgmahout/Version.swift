import ArgumentParser
import ClusterModel

struct Version: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print the version.")

    @OptionGroup var output: OutputOptions

    func run() throws {
        switch output.output {
        case .json: try Console.json(["version": ProductVersion.current])
        case .table: Console.line("pgmahout \(ProductVersion.current)")
        }
    }
}
