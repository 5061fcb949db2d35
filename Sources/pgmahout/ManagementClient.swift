import ClusterModel
import FoundationEssentials
import HTTPTransport

/// Calls of one member's management interface.
struct ManagementClient {
    /// What a member says to a request that it takes.
    enum Reply: Hashable, Codable {
        /// Under way; the id of the transition that it will become.
        case accepted(String)
        /// There is nothing to wait for.
        case done(String)

        private enum Key: CodingKey {
            case id, status
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            if let id = try container.decodeIfPresent(String.self, forKey: .id) {
                self = .accepted(id)
            } else {
                self = .done(try container.decode(String.self, forKey: .status))
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            switch self {
            case .accepted(let id): try container.encode(id, forKey: .id)
            case .done(let status): try container.encode(status, forKey: .status)
            }
        }
    }

    let base: String
    let token: String?
    private let tls: HTTPTLS
    private let http = HTTPClient(name: "command-line")

    init(base: String, token: String? = nil, tls: HTTPTLS = HTTPTLS()) {
        self.base = base
        self.token = token
        self.tls = tls
    }

    func cluster() throws -> ClusterStatus {
        try decode(ClusterStatus.self, try send("GET", "/v1/cluster"))
    }

    func history() throws -> TransitionHistory {
        try decode(TransitionHistory.self, try send("GET", "/v1/history"))
    }

    func jobs() throws -> JobsStatus { try decode(JobsStatus.self, try send("GET", "/v1/jobs")) }

    func post(_ path: String) throws -> Reply { try decode(Reply.self, try send("POST", path, body: Array("{}".utf8))) }

    func post(_ path: String, _ body: some Encodable) throws -> Reply {
        try decode(Reply.self, try send("POST", path, body: Array(try Console.jsonText(body).utf8)))
    }

    func delete(_ path: String) throws -> Reply { try decode(Reply.self, try send("DELETE", path)) }

    private func send(_ method: String, _ path: String, body: [UInt8] = []) throws -> HTTPResponse {
        var headers = [("Accept", "application/json")]
        if !body.isEmpty { headers.append(("Content-Type", "application/json")) }
        if let token { headers.append(("Authorization", "Bearer \(token)")) }
        let request = HTTPRequest(
            method: method, url: base + path, headers: headers, body: body, timeout: .seconds(10),
            connectTimeout: .seconds(3), tls: tls)
        let response: HTTPResponse
        do {
            response = try http.sendAndWait(request)
        } catch {
            throw Failure(.unavailable, "no answer from \(base): \(error)")
        }
        guard (200..<300).contains(response.status) else { throw refusal(response) }
        return response
    }

    private func refusal(_ response: HTTPResponse) -> Failure {
        struct Problem: Decodable {
            let error: String
            let hint: String?
            let wouldLoseBytes: UInt64?
        }
        let problem = try? JSONDecoder().decode(Problem.self, from: Data(response.body))
        let message = problem.map { $0.error + ($0.hint.map { " (\($0))" } ?? "") } ?? "HTTP status \(response.status)"
        return switch response.status {
        case 401, 403: Failure(.notPermitted, message)
        case 400..<500: Failure(.failed, message, wouldLoseBytes: problem?.wouldLoseBytes)
        default: Failure(.unavailable, "\(base): \(message)")
        }
    }

    private func decode<Value: Decodable>(_ type: Value.Type, _ response: HTTPResponse) throws -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(response.body))
        } catch {
            throw Failure(.unavailable, "\(base) does not answer as pgmahout does: is it another server or version?")
        }
    }
}
