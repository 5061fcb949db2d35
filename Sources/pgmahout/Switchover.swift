import ArgumentParser
import ClusterModel
import Platform

struct Switchover: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make another member the primary, without losing a transaction.",
        discussion: "Waits for the end: exit code 0 when the new primary has taken over, 1 when it has not.")

    @OptionGroup var member: MemberOptions
    @OptionGroup var output: OutputOptions

    @Option(help: ArgumentHelp("The member that takes over; default: the best candidate.", valueName: "member"))
    var to: String?

    @Option(help: ArgumentHelp("The primary; it is a mistake if another is.", valueName: "member"))
    var from: String?

    @Option(help: ArgumentHelp("How long to wait for the end.", valueName: "seconds"))
    var wait: Double = 60

    func validate() throws {
        guard (0.1...86_400).contains(wait) else { throw ValidationError("--wait takes 0.1 to 86400 seconds") }
        if to != nil, to == from { throw ValidationError("--to and --from name the same member") }
    }

    func run() throws {
        let client = try member.client()
        let command = SwitchoverCommand(from: from.map { MemberName($0) }, to: to.map { MemberName($0) })
        let id = try client.switchover(command)
        if output.output == .table { Console.error("requested: \(id)") }
        try report(try outcome(of: id, client))
    }

    /// Asks until the transition is over. The member that is asked may be busy with just that: no answer is no end.
    private func outcome(of id: String, _ client: ManagementClient) throws -> Transition {
        let deadline = BootClock.now() + .milliseconds(Int64(wait * 1000))
        var watch = SwitchoverWatch(id: id)
        while BootClock.now() < deadline {
            if let cluster = try? client.cluster() {
                switch watch.judge(cluster, at: BootClock.now()) {
                case .pending: break
                case .finished(let transition): return transition
                case .dropped(let reason): throw Failure(.failed, "the switchover was dropped (\(id)): \(reason)")
                }
            }
            _ = Poll.wait([], until: BootClock.now() + .milliseconds(100))
        }
        throw Failure(
            .failed,
            "the switchover has not ended within \(wait) s (\(id)); pgmahout status tells whether it is still pending")
    }

    private func report(_ transition: Transition) throws {
        switch output.output {
        case .json: try Console.json(transition)
        case .table where transition.succeeded:
            let members = "\(transition.from?.description ?? "-") -> \(transition.to?.description ?? "-")"
            Console.line("switched over: \(members), term \(transition.term)")
        case .table: break
        }
        guard transition.succeeded else {
            throw Failure(.failed, "the switchover failed (\(transition.id)): \(transition.reason)")
        }
    }
}
