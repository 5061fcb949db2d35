import ClusterModel
import FoundationEssentials
import HTTPTransport

/// Calls of one member's management interface.
struct ManagementClient {
    let base: String
    let token: String?
    private let http = HTTPClient(name: "command-line")

    init(base: String, token: String? = nil) {
        self.base = base
        self.token = token
    }

    func cluster() throws -> ClusterStatus {
        try decode(ClusterStatus.self, try send("GET", "/v1/cluster"))
    }

    /// Returns the id of the transition that it will become.
    func switchover(_ command: SwitchoverCommand) throws -> String {
        struct Accepted: Decodable {
            let id: String
        }
        let body = Array(try Console.jsonText(command).utf8)
        return try decode(Accepted.self, try send("POST", "/v1/switchover", body: body)).id
    }

    private func send(_ method: String, _ path: String, body: [UInt8] = []) throws -> HTTPResponse {
        var headers = [("Accept", "application/json")]
        if !body.isEmpty { headers.append(("Content-Type", "application/json")) }
        if let token { headers.append(("Authorization", "Bearer \(token)")) }
        let request = HTTPRequest(
            method: method, url: base + path, headers: headers, body: body, timeout: .seconds(10),
            connectTimeout: .seconds(3))
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
        }
        let problem = try? JSONDecoder().decode(Problem.self, from: Data(response.body))
        let message = problem.map { $0.error + ($0.hint.map { " (\($0))" } ?? "") } ?? "HTTP status \(response.status)"
        return switch response.status {
        case 401, 403: Failure(.notPermitted, message)
        case 400..<500: Failure(.failed, message)
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
