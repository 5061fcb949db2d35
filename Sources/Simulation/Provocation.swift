import ClusterModel
import Leadership

/// Faults each of which can happen, one after the other in the order in which a certain guard alone matters. Distances
/// and lengths are drawn from the seed.
package struct Provocation: Sendable {
    /// Drawn anew each time it begins.
    enum Role: Sendable {
        case primary, other, third
    }

    struct Step: Sendable {
        /// After the step before.
        var after: Span
        var kind: FaultKind
        var at: Role
        /// Of faults between two members, and of requests that name one.
        var with: Role
        var lasting: Span

        init(_ after: Span, _ kind: FaultKind, _ at: Role, with other: Role = .other, lasting: Span = .seconds(1, 1)) {
            self.after = after
            self.kind = kind
            self.at = at
            with = other
            self.lasting = lasting
        }
    }

    var steps: [Step]

    init(_ steps: [Step]) { self.steps = steps }
}

extension World {
    /// Begins it when the cluster is whole, and looks again later.
    func provoke(_ provocation: Provocation) {
        guard isHealthy, let primary = members.firstIndex(where: \.writes) else {
            return schedule(.injects, after: Int64(1).seconds)
        }
        let rest = members.indices.filter { $0 != primary && !members[$0].removed }
        guard let other = random.element(rest) else { return }
        let third = random.element(rest.filter { $0 != other }) ?? other
        func index(_ role: Provocation.Role) -> Int {
            switch role {
            case .primary: primary
            case .other: other
            case .third: third
            }
        }
        var moment: Int64 = 0
        for step in provocation.steps {
            moment += random.between(step.after)
            schedule(
                .begins(
                    StartedFault(
                        kind: step.kind, member: index(step.at), other: index(step.with),
                        lasting: random.between(step.lasting))),
                after: moment)
        }
        // Longer than a lease: nothing that was promised before plays a part in the next.
        schedule(.injects, after: moment + random.between(.seconds(12, 20)))
    }
}

/// A fault that begins at its moment.
final class StartedFault {
    let kind: FaultKind
    let member: Int
    let other: Int
    let lasting: Int64

    init(kind: FaultKind, member: Int, other: Int, lasting: Int64) {
        self.kind = kind
        self.member = member
        self.other = other
        self.lasting = lasting
    }
}
