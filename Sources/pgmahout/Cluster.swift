import Archive
import ArgumentParser
import ClusterModel

struct Cluster: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the cluster, restart all of it, list what happened, or change which of two clusters leads.",
        subcommands: [Status.self, Restart.self, History.self, Demote.self, Promote.self],
        defaultSubcommand: Status.self)

    struct Restart: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Restart the servers of all members one after the other, replicas first.",
            discussion: "The primary hands over before its turn. Members that do not answer are left out.")

        @OptionGroup var member: MemberOptions
        @OptionGroup var output: OutputOptions
        @OptionGroup var waiting: WaitOptions

        @Flag(help: "Only members whose settings wait for a restart.")
        var pending = false

        @Option(help: MomentOption.help("Not to begin before; then the command does not wait."))
        var at: MomentOption?

        @Flag(help: "Call off the restart that is under way or scheduled.")
        var cancel = false

        func validate() throws {
            if cancel, pending || at != nil { throw ValidationError("--cancel takes neither --pending nor --at") }
        }

        func run() throws {
            let client = try member.client()
            let outcome = RequestOutcome(client: client, output: output.output)
            if cancel { return try outcome.report(try client.delete("/v1/restart"), done: "cancelled") }
            let reply = try client.post(
                "/v1/restart", RestartCommand(onlyIfPending: pending, at: at?.milliseconds))
            guard case .accepted(let id) = reply, at == nil, waiting.wait > 0 else {
                return try outcome.report(reply, done: at.map { "scheduled for \($0.text)" } ?? "requested")
            }
            if output.output == .table { Console.error("requested: \(id)") }
            _ = try outcome.wait(.restart, id: id, name: "the restart", seconds: waiting.wait)
            if output.output == .table { Console.line("restarted") }
        }
    }

    struct History: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the last transitions that a member heard of since it started, oldest first.")

        @OptionGroup var member: MemberOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            let history = try member.client().history()
            switch output.output {
            case .json: for entry in history.transitions { try Console.json(entry) }
            case .table: Console.line(Self.table(history))
            }
        }

        static func table(_ history: TransitionHistory) -> String {
            var table = TextTable([
                .init("HEARD OF AT"), .init("KIND"), .init("FROM"), .init("TO"), .init("TERM", .right),
                .init("RESULT"), .init("REASON"),
            ])
            for entry in history.transitions {
                let transition = entry.transition
                table.add([
                    Timestamp(microseconds: entry.at / 1000 * 1_000_000).iso8601, transition.kind.rawValue,
                    transition.from?.description ?? "", transition.to?.description ?? "", String(transition.term),
                    transition.succeeded ? "done" : "failed", transition.reason,
                ])
            }
            return table.text
        }
    }
}
