import ArgumentParser
import ClusterModel

struct Switchover: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make another member the primary, without losing a transaction.",
        discussion: """
            Waits for the end: exit code 0 when the new primary has taken over, 1 when it has not. It is refused when \
            the member lacks WAL; with --force what would be lost is shown, and lost after a yes.
            """)

    @OptionGroup var member: MemberOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var confirmation: ConfirmationOptions

    @Option(help: ArgumentHelp("The member that takes over; default: the best candidate.", valueName: "member"))
    var to: String?

    @Option(help: ArgumentHelp("The primary; it is a mistake if another is.", valueName: "member"))
    var from: String?

    @Option(help: MomentOption.help("Not to begin before; then the command does not wait."))
    var at: MomentOption?

    @Flag(help: "Also when the member lacks WAL, which is lost then; needs --to.")
    var force = false

    @Flag(help: "Call off the switchover that is under way or scheduled.")
    var cancel = false

    @Option(help: ArgumentHelp("How long to wait for the end.", valueName: "seconds"))
    var wait: Double = 60

    func validate() throws {
        guard (0.1...86_400).contains(wait) else { throw ValidationError("--wait takes 0.1 to 86400 seconds") }
        if to != nil, to == from { throw ValidationError("--to and --from name the same member") }
        if force, to == nil { throw ValidationError("--force needs --to") }
        if cancel, to != nil || from != nil || at != nil || force {
            throw ValidationError("--cancel takes none of --to, --from, --at and --force")
        }
    }

    func run() throws {
        let client = try member.client()
        let outcome = RequestOutcome(client: client, output: output.output)
        if cancel { return try outcome.report(try client.delete("/v1/switchover"), done: "cancelled") }
        let reply = try request(client)
        guard case .accepted(let id) = reply else { return try outcome.report(reply, done: "") }
        if let at { return try outcome.report(reply, done: "scheduled for \(at.text): \(id)") }
        if output.output == .table { Console.error("requested: \(id)") }
        let transition = try outcome.wait(.switchover, id: id, name: "the switchover", seconds: wait)
        if output.output == .table {
            let members = "\(transition.from?.description ?? "-") -> \(transition.to?.description ?? "-")"
            Console.line("switched over: \(members), term \(transition.term)")
        }
    }

    /// By force only when it cannot be had without.
    private func request(_ client: ManagementClient) throws -> ManagementClient.Reply {
        var command = SwitchoverCommand(
            from: from.map { MemberName($0) }, to: to.map { MemberName($0) }, at: at?.milliseconds)
        if force, let at {
            try confirmation.confirm(
                "what \(to ?? "it") lacks of the primary's WAL at \(at.text) would be lost", question: "lose it?")
            command.force = true
        }
        do {
            return try client.post("/v1/switchover", command)
        } catch let failure as Failure {
            guard force, let bytes = failure.wouldLoseBytes else { throw failure }
            try confirmation.confirm(
                "\(failure.message)\n\(Amounts.bytes(bytes)) of WAL would be lost, and what is written until then",
                question: "lose it?")
            command.force = true
            return try client.post("/v1/switchover", command)
        }
    }
}
