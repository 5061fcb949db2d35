import ArgumentParser
import ClusterModel

/// Which of two clusters is written to.
extension Cluster {
    struct Demote: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Stop writing here, and let the whole cluster follow another one.",
            discussion: """
                Prints a token once the last record is written: pgmahout cluster promote --token TOKEN in the other \
                cluster waits until everything up to it is there. Of a cluster that follows already, it changes whom.
                """)

        @OptionGroup var member: MemberOptions
        @OptionGroup var output: OutputOptions
        @OptionGroup var waiting: WaitOptions

        @Option(
            help: ArgumentHelp(
                "Members of the other cluster, with commas; default: standbyCluster of the configuration.",
                valueName: "host:port"))
        var to: String?

        @Option(help: ArgumentHelp("A physical slot over there; default: as configured.", valueName: "name"))
        var slot: String?

        @Flag(help: "Call off the demotion that is under way.")
        var cancel = false

        func validate() throws {
            if cancel, to != nil || slot != nil { throw ValidationError("--cancel takes neither --to nor --slot") }
        }

        func run() throws {
            struct Body: Encodable {
                let to: String?
                let slot: String?
            }
            let client = try member.client()
            let outcome = RequestOutcome(client: client, output: output.output)
            if cancel { return try outcome.report(try client.delete("/v1/demote"), done: "cancelled") }
            let reply = try client.post("/v1/demote", Body(to: to, slot: slot))
            guard case .accepted(let id) = reply, waiting.wait > 0 else {
                return try outcome.report(reply, done: "requested")
            }
            if output.output == .table { Console.error("requested: \(id)") }
            _ = try outcome.wait(.demotion, id: id, name: "the demotion", seconds: waiting.wait)
            guard output.output == .table else { return }
            guard let token = try client.cluster().demotion else {
                throw Failure(.failed, "the cluster was demoted, and has been promoted again meanwhile")
            }
            Console.error("the cluster follows another one; promote that with --token:")
            Console.line(token.description)
        }
    }

    struct Promote: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a cluster that follows another one lead itself.",
            discussion: """
                With the token of the other cluster's demotion nothing is lost and never are both written to: it is \
                waited for, and refused when somebody has written since. Without one only by force.
                """)

        @OptionGroup var member: MemberOptions
        @OptionGroup var output: OutputOptions
        @OptionGroup var waiting: WaitOptions
        @OptionGroup var confirmation: ConfirmationOptions

        @Option(help: ArgumentHelp("What the demotion of the other cluster printed.", valueName: "token"))
        var token: String?

        @Flag(help: "Without a token, when the other cluster is gone: what had not come here is lost.")
        var force = false

        @Flag(help: "Call off the promotion that is under way.")
        var cancel = false

        func validate() throws {
            if cancel, token != nil || force { throw ValidationError("--cancel takes neither --token nor --force") }
            if token != nil, force { throw ValidationError("--force goes without a token: leave one of them out") }
            if let token, DemotionToken(token) == nil {
                throw ValidationError("'\(token)' is no token such as 7234567890123456789:3:0/60000A0")
            }
        }

        private struct Body: Encodable {
            let token: String?
            let force: Bool
        }

        func run() throws {
            let client = try member.client()
            let outcome = RequestOutcome(client: client, output: output.output)
            if cancel { return try outcome.report(try client.delete("/v1/promote"), done: "cancelled") }
            let reply = try request(client)
            guard case .accepted(let id) = reply, waiting.wait > 0 else {
                return try outcome.report(reply, done: "requested")
            }
            if output.output == .table { Console.error("requested: \(id)") }
            let end = try outcome.wait(.promotion, id: id, name: "the promotion", seconds: waiting.wait)
            if output.output == .table { Console.line("promoted: \(end.to?.description ?? "-"), term \(end.term)") }
        }

        /// By force only after a person has read what it costs.
        private func request(_ client: ManagementClient) throws -> ManagementClient.Reply {
            do {
                return try client.post("/v1/promote", Body(token: token, force: false))
            } catch let failure as Failure where force && failure.message.contains("without a token") {
                try confirmation.confirm(failure.message, question: "promote without a token?")
                return try client.post("/v1/promote", Body(token: nil, force: true))
            }
        }
    }
}
