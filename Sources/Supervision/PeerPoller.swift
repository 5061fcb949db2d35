import ClusterModel
import FoundationEssentials
import HTTPTransport
import Platform

/// Asks the other members what they say of themselves.
final class PeerPoller: Sendable {
    private let client = HTTPClient(name: "peers", maximumInFlight: 32)
    private let mailbox: Mailbox<Message>

    init(mailbox: Mailbox<Message>) { self.mailbox = mailbox }

    /// The answer comes as a message; no answer comes as none.
    func ask(_ member: Member) {
        let asked = BootClock.now()
        let request = HTTPRequest(
            url: member.api + "/v1/status", timeout: .seconds(1), connectTimeout: .milliseconds(500),
            responseLimit: 64 << 10)
        client.send(request) { [mailbox] result in
            guard case .success(let response) = result, response.status == 200,
                let status = try? JSONDecoder().decode(MemberStatus.self, from: Data(response.body)),
                status.name == member.name
            else { return }
            // Dated before it was sent: a confirmation must be younger than what it confirms.
            _ = mailbox.post(.peerAnswered(member.name, status, at: asked))
        }
    }

    func stop() { client.stop() }
}
