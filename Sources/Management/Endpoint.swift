import ClusterModel
import NIOHTTP1

/// What stands at a path.
enum Endpoint: Hashable {
    case fixed(Fixed)
    /// `/v1/members/pg-1`
    case member(MemberName)
    /// `/v1/members/pg-1/fence`
    case memberAction(MemberName, MemberAction)
    case check(RoleCheck)

    enum Fixed: String, CaseIterable {
        case healthz = "/healthz"
        case readyz = "/readyz"
        case startupz = "/startupz"
        case metrics = "/metrics"
        case status = "/v1/status"
        case cluster = "/v1/cluster"
        case history = "/v1/history"
        case peer = "/v1/peer"
        case consent = "/v1/peer/consent"
        case vote = "/v1/peer/vote"
        case switchover = "/v1/switchover"
        case restart = "/v1/restart"
        case pause = "/v1/pause"
        case resume = "/v1/resume"
        case jobs = "/v1/jobs"
        case backups = "/v1/backups"
        case dumps = "/v1/dumps"
        case drills = "/v1/drills"
        case retention = "/v1/retention"
        case verifications = "/v1/verifications"

        /// The job that a request to this path asks for.
        var job: JobKind? {
            switch self {
            case .backups: .backup
            case .dumps: .dump
            case .drills: .drill
            case .retention: .retention
            case .verifications: .verify
            default: nil
            }
        }
        case demote = "/v1/demote"
        case promote = "/v1/promote"
    }

    enum MemberAction: String, CaseIterable {
        case fence, unfence, reclone, restart
    }

    private static let members = "/v1/members/"

    init?(path: String) {
        if let fixed = Fixed(rawValue: path) {
            self = .fixed(fixed)
        } else if let check = RoleCheck(path: path) {
            self = .check(check)
        } else {
            guard path.hasPrefix(Self.members) else { return nil }
            let parts = path.dropFirst(Self.members.count).split(separator: "/", omittingEmptySubsequences: false)
            guard (1...2).contains(parts.count), let name = parts.first, Self.isName(name) else { return nil }
            if parts.count == 1 {
                self = .member(MemberName(String(name)))
            } else {
                guard let action = MemberAction(rawValue: String(parts[1])) else { return nil }
                self = .memberAction(MemberName(String(name)), action)
            }
        }
    }

    var methods: [HTTPMethod] {
        switch self {
        case .fixed(.switchover), .fixed(.restart), .fixed(.demote), .fixed(.promote): [.POST, .DELETE]
        case .fixed(.pause), .fixed(.resume), .fixed(.consent), .fixed(.vote), .memberAction: [.POST]
        case .member: [.DELETE]
        case .fixed(.jobs): [.GET, .HEAD, .DELETE]
        case .fixed(let fixed) where fixed.job != nil: [.POST]
        case .fixed: [.GET, .HEAD]
        case .check: [.GET, .HEAD, .OPTIONS]
        }
    }

    /// For whoever asked for something else.
    static var known: String {
        let actions = MemberAction.allCases.map(\.rawValue).joined(separator: "|")
        let paths =
            Fixed.allCases.map(\.rawValue) + [members + "NAME", members + "NAME/" + actions] + RoleCheck.paths
        return paths.joined(separator: " ")
    }

    private static func isName(_ text: Substring) -> Bool {
        (1...63).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "-")
            }
    }
}
