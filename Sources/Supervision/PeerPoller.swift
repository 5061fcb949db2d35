import ClusterModel
import FoundationEssentials
import HTTPTransport
import Platform
import Synchronization

/// Asks the other members: what they say of themselves, for consent, for votes. All in parallel, each question with a
/// deadline of its own; a member that does not answer delays nobody else.
final class PeerPoller: Sendable {
    private enum Question: Hashable { case report, consent, vote }

    /// Questions of one kind that one member may leave unanswered at a time: a silent one must not use up the client.
    private static let unansweredAtOnce = 2

    private struct Pending: Hashable {
        let member: MemberName
        let question: Question
    }

    private let client = HTTPClient(name: "peers", maximumInFlight: 64)
    private let mailbox: Mailbox<Message>
    private let secret: SecretFile?
    private let pending = Mutex<[Pending: Int]>([:])

    private let tls: HTTPTLS

    init(mailbox: Mailbox<Message>, secret: SecretFile?, tls: HTTPTLS = HTTPTLS()) {
        self.mailbox = mailbox
        self.secret = secret
        self.tls = tls
    }

    /// The answer comes as a message; no answer comes as none.
    func ask(_ member: Member, within limit: Duration) {
        let slot = Pending(member: member.name, question: .report)
        guard begin(slot) else { return }
        let asked = BootClock.now()
        var request = HTTPRequest(
            url: member.api + "/v1/peer", headers: headers, timeout: limit, connectTimeout: limit,
            responseLimit: 64 << 10)
        identify(&request, member)
        client.send(request) { [self] result in
            end(slot)
            guard case .success(let response) = result, response.status == 200,
                let status = try? JSONDecoder().decode(MemberStatus.self, from: Data(response.body)),
                status.name == member.name
            else { return }
            // Dated before it was sent: a confirmation must be younger than what it confirms.
            _ = mailbox.post(.peerAnswered(member.name, status, at: asked))
        }
    }

    /// Every answer, and every failure, comes as a message.
    func request(_ request: PeerRequest, of member: Member, within limit: Duration) {
        let path: String
        let body: Data?
        let slot: Pending
        switch request {
        case .consent(let consent):
            path = "/v1/peer/consent"
            body = try? JSONEncoder().encode(consent)
            slot = Pending(member: member.name, question: .consent)
        case .vote(let vote):
            path = "/v1/peer/vote"
            body = try? JSONEncoder().encode(vote)
            slot = Pending(member: member.name, question: .vote)
        }
        guard let body, begin(slot) else { return }
        var http = HTTPRequest(
            method: "POST", url: member.api + path, headers: headers + [("Content-Type", "application/json")],
            body: Array(body), timeout: limit, connectTimeout: limit, responseLimit: 16 << 10)
        identify(&http, member)
        client.send(http) { [self] result in
            end(slot)
            _ = mailbox.post(.peerReplied(member.name, request, Self.answer(result)))
        }
    }

    /// A member is known by its name: addresses of pods come and go, and no certificate could be for all of them.
    private func identify(_ request: inout HTTPRequest, _ member: Member) {
        let scheme = "https://"
        guard member.api.hasPrefix(scheme), request.url.hasPrefix(member.api) else { return }
        let place = String(member.api.dropFirst(scheme.count))
        let port = place.split(separator: ":").last.map(String.init) ?? "443"
        request.url = "\(scheme)\(member.name):\(port)" + request.url.dropFirst(member.api.count)
        request.connectTo = place
        request.tls = tls
    }

    func stop() { client.stop() }

    private static func answer(_ result: Result<HTTPResponse, HTTPError>) -> Result<PeerAnswer, PeerFailure> {
        switch result {
        case .failure(let error): return .failure(PeerFailure(reason: "\(error)"))
        case .success(let response):
            guard response.status == 200 else {
                let text = String(decoding: response.body.prefix(200), as: UTF8.self)
                return .failure(PeerFailure(reason: "HTTP \(response.status): \(text)", isRefusal: true))
            }
            guard let answer = try? JSONDecoder().decode(PeerAnswer.self, from: Data(response.body)) else {
                return .failure(PeerFailure(reason: "it answered with something that is no answer", isRefusal: true))
            }
            return .success(answer)
        }
    }

    private var headers: [(String, String)] {
        secret?.current.map { [("Authorization", "Bearer \($0)")] } ?? []
    }

    private func begin(_ slot: Pending) -> Bool {
        pending.withLock { pending in
            let count = pending[slot, default: 0]
            guard count < Self.unansweredAtOnce else { return false }
            pending[slot] = count + 1
            return true
        }
    }

    private func end(_ slot: Pending) {
        pending.withLock { pending in
            let count = pending[slot, default: 1] - 1
            pending[slot] = count > 0 ? count : nil
        }
    }
}

/// Why a member gave no answer.
struct PeerFailure: Error, Hashable {
    var reason: String
    /// It answered, but not the question: a person has to look.
    var isRefusal = false
}
