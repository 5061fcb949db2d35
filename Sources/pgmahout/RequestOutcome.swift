import ArgumentParser
import ClusterModel
import Platform

/// How long a command waits for what it asked for.
struct WaitOptions: ParsableArguments {
    @Option(help: ArgumentHelp("How long to wait for the end; 0 does not wait.", valueName: "seconds"))
    var wait: Double = 600

    func validate() throws {
        guard (0...86_400).contains(wait) else { throw ValidationError("--wait takes 0 to 86400 seconds") }
    }
}

/// Waits for the end of what was requested, and says how it went.
struct RequestOutcome {
    let client: ManagementClient
    let output: OutputOptions.Format

    /// What a command says that was answered at once.
    func report(_ reply: ManagementClient.Reply, done: String) throws {
        switch (output, reply) {
        case (.json, _): try Console.json(reply)
        case (.table, .accepted): Console.line(done)
        case (.table, .done(let status)): Console.line(status)
        }
    }

    /// Asks until the transition is over. The member that is asked may be busy with just that: no answer is no end.
    /// - name: of what was asked for, with its article.
    func wait(_ kind: RequestWatch.Kind, id: String, name: String, seconds: Double) throws -> Transition {
        let deadline = BootClock.now() + .milliseconds(Int64(seconds * 1000))
        var watch = RequestWatch(kind, id: id)
        while BootClock.now() < deadline {
            if let cluster = try? client.cluster() {
                switch watch.judge(cluster, at: BootClock.now()) {
                case .pending: break
                case .finished(let transition): return try judged(transition, name)
                case .dropped(let reason): throw Failure(.failed, "\(name) was dropped (\(id)): \(reason)")
                }
            }
            _ = Poll.wait([], until: BootClock.now() + .milliseconds(100))
        }
        throw Failure(
            .failed,
            "\(name) has not ended within \(seconds) s (\(id)); pgmahout status tells whether it is still pending")
    }

    private func judged(_ transition: Transition, _ name: String) throws -> Transition {
        if output == .json { try Console.json(transition) }
        guard transition.succeeded else {
            throw Failure(.failed, "\(name) failed (\(transition.id)): \(transition.reason)")
        }
        return transition
    }

    /// Asks until the member says of itself what it should.
    func wait(
        for name: MemberName, seconds: Double, what: String, _ isSo: (MemberStatus) -> Bool
    ) throws {
        let deadline = BootClock.now() + .milliseconds(Int64(seconds * 1000))
        while true {
            let status = (try? client.cluster())?.members.first { $0.member.name == name }?.status
            if let status, isSo(status) { return }
            guard BootClock.now() < deadline else {
                let reason = status == nil ? "it does not answer" : "it has not done so"
                throw Failure(.failed, "recorded, but \(name) is not \(what) after \(seconds) s: \(reason)")
            }
            _ = Poll.wait([], until: BootClock.now() + .milliseconds(100))
        }
    }
}
