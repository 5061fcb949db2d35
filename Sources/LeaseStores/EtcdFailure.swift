import HTTPTransport

/// Why an endpoint gave no answer.
struct EtcdFailure: Error {
    enum Kind: Hashable {
        /// No answer, or one that says that it does not know: what was sent may have been carried out.
        case silent
        /// As `silent`, because the time was over.
        case tooSlow
        /// Something answers that is not etcd.
        case nonsense
        /// etcd refuses, for everybody and for certain: nothing was carried out.
        case refused
        /// As `refused`, because of the token.
        case token
        /// etcd has no users.
        case authenticationIsOff
        /// Nothing was carried out, but somebody else may do it.
        case notCarriedOut
        /// A cluster of this number, which is not the one known so far.
        case stranger(UInt64)
    }

    var kind: Kind
    var reason: String

    init(kind: Kind, _ reason: String) {
        self.kind = kind
        self.reason = reason
    }

    init(_ error: HTTPError) {
        kind =
            switch error {
            case .timedOut: .tooSlow
            case .tls, .overloaded: .notCarriedOut
            case .tooLarge, .invalid: .nonsense
            case .unreachable, .stopped: .silent
            }
        reason = kind == .nonsense ? "\(error): \(Self.advice)" : error.description
    }

    /// - Parameter response: of another status than 200.
    init(_ response: HTTPResponse, path: String) {
        let refusal = try? EtcdMessages.decode(EtcdMessages.Refusal.self, from: response.body)
        guard let text = refusal?.message ?? refusal?.error else {
            if response.status >= 500 || response.status == 429 {
                self.init(kind: .silent, "HTTP status \(response.status)")
            } else {
                self.init(nonsense: response, path: path)
            }
            return
        }
        switch refusal?.code {
        // Unauthenticated; and the two that etcd reports as invalid arguments.
        case 16: self.init(kind: .token, text)
        case _ where text.contains("revision of auth store is old") || text.contains("user name is empty"):
            self.init(kind: .token, text)
        case _ where text.contains("authentication is not enabled"): self.init(kind: .authenticationIsOff, text)
        case 7: self.init(kind: .refused, "\(text): grant the user readwrite on the key")
        case 8 where text.contains("space"):
            self.init(kind: .notCarriedOut, "\(text): compact and defragment etcd, then disarm its alarm")
        case 8: self.init(kind: .notCarriedOut, text)
        case 3: self.init(kind: .refused, text)
        default: self.init(kind: .silent, text)
        }
    }

    /// - Parameter response: that is no answer to `path`.
    init(nonsense response: HTTPResponse, path: String) {
        let type = response.headers["content-type"].map { ", \($0.prefix(40))" } ?? ""
        // What answers a password may be secret.
        let quoted = path.contains("auth") ? [] : response.body.prefix(60)
        let text = String(decoding: quoted, as: UTF8.self).filter { !$0.isNewline }
        self.init(
            kind: .nonsense,
            "the answer to \(path) is not etcd's (HTTP status \(response.status)\(type): '\(text)'): \(Self.advice)")
    }

    static let advice = "is it the client URL of an etcd 3.4 or later?"

    /// Whether the other endpoints would say the same.
    var isFinal: Bool { kind == .refused || kind == .token }
}

/// What the attempts of one call came to.
struct EtcdAttempts {
    private let endpoints: [String]
    /// By endpoint, the last one.
    private var failures: [Int: EtcdFailure] = [:]
    /// Whether one of them may have been carried out.
    private(set) var isDoubtful = false

    init(endpoints: [String]) { self.endpoints = endpoints }

    mutating func note(_ failure: EtcdFailure, of endpoint: Int, isWrite: Bool) {
        failures[endpoint] = failure
        switch failure.kind {
        case .silent, .tooSlow, .nonsense: if isWrite { isDoubtful = true }
        case .refused, .token, .authenticationIsOff, .notCarriedOut, .stranger: break
        }
    }

    var wereAllTooSlow: Bool { !failures.isEmpty && failures.values.allSatisfy { $0.kind == .tooSlow } }

    /// The number of the one other cluster that every single endpoint belongs to.
    var onlyStranger: UInt64? {
        let kinds = Set(failures.values.map(\.kind))
        guard failures.count == endpoints.count, kinds.count == 1, case .stranger(let number)? = kinds.first else {
            return nil
        }
        return number
    }

    func error(isWrite: Bool) -> LeaseStoreError {
        guard !endpoints.isEmpty else { return .unavailable("there is no etcd endpoint") }
        let text = failures.sorted { $0.key < $1.key }.map { "\(endpoints[$0.key]): \($0.value.reason)" }
            .joined(separator: "; ")
        // A write may have been carried out by whatever answered so strangely.
        let isNonsense = !failures.isEmpty && failures.values.allSatisfy { $0.kind == .nonsense }
        if isNonsense, !isWrite { return .invalid(text) }
        // What one endpoint says of a user, all would say.
        return failures.values.contains { $0.isFinal } ? .denied(text) : .unavailable(text)
    }
}
