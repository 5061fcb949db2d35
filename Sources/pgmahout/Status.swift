import ArgumentParser
import ClusterModel
import Platform

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the members of the cluster as one of them knows them.")

    @OptionGroup var member: MemberOptions
    @OptionGroup var output: OutputOptions

    @Option(name: .shortAndLong, help: ArgumentHelp("Show it again and again, so often.", valueName: "seconds"))
    var watch: Double?

    func validate() throws {
        if let watch, !(0.1...3600).contains(watch) {
            throw ValidationError("--watch takes 0.1 to 3600 seconds")
        }
    }

    func run() throws {
        let client = try member.client()
        guard let watch else { return try show(try client.cluster()) }
        while true {
            let next = BootClock.now() + .milliseconds(Int64(watch * 1000))
            do {
                let cluster = try client.cluster()
                Console.clearTerminal()
                try show(cluster)
            } catch let failure as Failure where failure.reason == .unavailable {
                Console.error(failure.message)
            }
            _ = Poll.wait([], until: next)
        }
    }

    private func show(_ cluster: ClusterStatus) throws {
        switch output.output {
        case .json: try Console.json(cluster)
        case .table: Console.line(ClusterTable(cluster).text)
        }
    }
}
