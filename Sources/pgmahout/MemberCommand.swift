import ArgumentParser
import ClusterModel

struct MemberCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "member", abstract: "Stop, start, replace or remove one member.",
        subcommands: [Fence.self, Unfence.self, Reclone.self, RestartOne.self, Remove.self])

    /// What all of them take.
    struct Subject: ParsableArguments {
        @OptionGroup var member: MemberOptions
        @OptionGroup var output: OutputOptions

        @Argument(help: "The member.")
        var name: String

        var path: String { "/v1/members/\(name)" }
        var memberName: MemberName { MemberName(name) }

        func validate() throws {
            // It becomes part of a path.
            guard !name.isEmpty, name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"/?#%".utf8.contains($0) }) else {
                throw ValidationError("'\(name)' is no name of a member")
            }
        }
    }

    struct Fence: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Stop a member's server and keep it down, until it is unfenced.",
            discussion: "Its pgmahout goes on. When it is the primary, another takes over.")

        @OptionGroup var subject: Subject
        @OptionGroup var waiting: WaitOptions

        func run() throws { try setFence(true, subject, waiting.wait) }
    }

    struct Unfence: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let a fenced member's server run again.")

        @OptionGroup var subject: Subject
        @OptionGroup var waiting: WaitOptions

        func run() throws { try setFence(false, subject, waiting.wait) }
    }

    private static func setFence(_ isFenced: Bool, _ subject: Subject, _ seconds: Double) throws {
        let client = try subject.member.client()
        let outcome = RequestOutcome(client: client, output: subject.output.output)
        let reply = try client.post(subject.path + (isFenced ? "/fence" : "/unfence"))
        let what = isFenced ? "fenced" : "unfenced"
        if case .accepted = reply, seconds > 0 {
            try outcome.wait(for: subject.memberName, seconds: seconds, what: what) { $0.isFenced == isFenced }
        }
        try outcome.report(reply, done: "\(subject.name) is \(what)")
    }

    struct Reclone: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a replica's data anew from another member.",
            discussion: "The old data stays until the new is complete, where there is room for both.")

        @OptionGroup var subject: Subject
        @OptionGroup var waiting: WaitOptions

        @Option(help: ArgumentHelp("The member to copy; default: the best, replicas first.", valueName: "member"))
        var from: String?

        func run() throws {
            struct Body: Encodable {
                let from: String?
            }
            let client = try subject.member.client()
            let reply = try client.post(subject.path + "/reclone", Body(from: from))
            try subject.finish(
                reply, client, .reclone(subject.memberName), name: "the clone", seconds: waiting.wait,
                done: "\(subject.name) was made anew")
        }
    }

    struct RestartOne: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "restart", abstract: "Restart a member's server; a primary hands over first.")

        @OptionGroup var subject: Subject
        @OptionGroup var waiting: WaitOptions

        func run() throws {
            let client = try subject.member.client()
            let reply = try client.post(subject.path + "/restart")
            try subject.finish(
                reply, client, .restart, name: "the restart", seconds: waiting.wait,
                done: "\(subject.name) was restarted")
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Forget a member that is gone for good: its slots, its vote, its entry.",
            discussion: "Its data is not touched. A member that still runs is not removed.")

        @OptionGroup var subject: Subject
        @OptionGroup var confirmation: ConfirmationOptions

        @Flag(help: "Also when it may alone have commits that were acknowledged.")
        var force = false

        func run() throws {
            let client = try subject.member.client()
            let outcome = RequestOutcome(client: client, output: subject.output.output)
            var path = subject.path
            if force {
                try confirmation.confirm(
                    "commits that only \(subject.name) has are given up, and it must never come back",
                    question: "remove it?")
                path += "?force=true"
            }
            try outcome.report(try client.delete(path), done: "\(subject.name) is removed")
        }
    }
}

extension MemberCommand.Subject {
    /// Waits for the end of what becomes a transition.
    fileprivate func finish(
        _ reply: ManagementClient.Reply, _ client: ManagementClient, _ kind: RequestWatch.Kind, name: String,
        seconds: Double, done: String
    ) throws {
        let outcome = RequestOutcome(client: client, output: output.output)
        guard case .accepted(let id) = reply, seconds > 0 else { return try outcome.report(reply, done: "requested") }
        if output.output == .table { Console.error("requested: \(id)") }
        _ = try outcome.wait(kind, id: id, name: name, seconds: seconds)
        if output.output == .table { Console.line(done) }
    }
}
