import ClusterModel

/// Jobs on demand: the holder of the lease gives them out as it does with scheduled ones.
extension ControlPlan {
    static func begin(_ kind: JobKind, _ id: String, _ view: ControlView) -> ControlPlan {
        let book = view.record.jobs ?? JobBook()
        if let running = book.running, running.kind == kind {
            return refused("the \(kind.rawValue) \(running.id) is under way on \(running.member.name)")
        }
        if let pending = book.pending.first(where: { $0.kind == kind }) {
            // Whoever asks does not want to wait for the pause after a failure.
            guard pending.notBefore > view.wallClock else {
                return refused("the \(kind.rawValue) \(pending.id) waits for its turn already")
            }
        }
        return changing(view, then: .accepted(id: id)) { record in
            var book = book
            book.pending.removeAll { $0.kind == kind }
            book.pending.append(PendingJob(id: id, kind: kind, origin: "request", notBefore: view.wallClock))
            record.jobs = book
        }
    }

    static func cancelJob(_ view: ControlView) -> ControlPlan {
        guard var book = view.record.jobs else { return notFound("no job is under way, and none waits") }
        if let running = book.running {
            guard !running.cancelled else { return .answer(.done("\(running.id) is being called off already")) }
            book.running?.cancelled = true
            return changing(view, then: .done("\(running.id) is called off")) { [book] in $0.jobs = book }
        }
        guard !book.pending.isEmpty else { return notFound("no job is under way, and none waits") }
        let names = book.pending.map(\.id).joined(separator: ", ")
        book.pending = []
        return changing(view, then: .done("called off: \(names)")) { [book] in $0.jobs = book }
    }
}
