import ArgumentParser

struct Pause: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Pause the cluster for maintenance: nothing is promoted, restarted or made anew by itself.",
        discussion: "The primary keeps its lease, and stops when it cannot renew it. See resume.")

    @OptionGroup var member: MemberOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let client = try member.client()
        let reply = try client.post("/v1/pause")
        try RequestOutcome(client: client, output: output.output).report(reply, done: "paused")
    }
}

struct Resume: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "End the maintenance that pause began.")

    @OptionGroup var member: MemberOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let client = try member.client()
        let reply = try client.post("/v1/resume")
        try RequestOutcome(client: client, output: output.output).report(reply, done: "resumed")
    }
}
