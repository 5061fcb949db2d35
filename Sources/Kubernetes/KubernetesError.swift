/// Why a call of the API server did not do what it should. The text says what to mend.
package enum KubernetesError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Nothing was sent: a setting or a file is missing.
    case configuration(String)
    /// No whole answer. **What was to be written may have been written.**
    case noAnswer(String)
    /// An answer that says no.
    case refused(KubernetesRefusal)
    /// An answer, but not one of a Kubernetes API server. What was to be written may have been written.
    case nonsense(String)

    package var description: String {
        switch self {
        case .configuration(let reason), .noAnswer(let reason), .nonsense(let reason): reason
        case .refused(let refusal): refusal.description
        }
    }

    package var refusal: KubernetesRefusal? { if case .refused(let refusal) = self { refusal } else { nil } }
}

/// A Status object that the API server answered with.
package struct KubernetesRefusal: Hashable, Sendable, CustomStringConvertible {
    /// The HTTP status.
    package var code: Int
    /// One word such as `AlreadyExists`; empty when it is no Kubernetes that answered.
    package var reason: String
    /// The server's own sentence.
    package var message: String
    /// What the answer is about, as the server says: `leases`, `demo`.
    package var kind: String
    package var name: String
    /// What to do about it, in our words.
    package var advice: String

    /// Whether it says that just the object of the call is not there. Any other 404 is about something else: a wrong
    /// address, a namespace that does not exist.
    package var isObjectMissing: Bool { code == 404 && reason == "NotFound" && kind != "namespaces" && !name.isEmpty }
    package var isAlreadyExists: Bool { code == 409 && reason == "AlreadyExists" }
    package var isConflict: Bool { code == 409 && reason == "Conflict" }

    package var description: String {
        let said = message.isEmpty ? "" : ": \(message.prefix(500))"
        return advice.isEmpty ? "the API server answers \(code)\(said)" : "\(advice) (\(code)\(said))"
    }

    init(code: Int, body: [UInt8], call: KubernetesCall, settings: KubernetesSettings) {
        let status = JSONValue(bytes: body)
        let isStatus = status?["kind"]?.string == "Status"
        self.code = code
        reason = isStatus ? status?.text("reason") ?? "" : ""
        message =
            isStatus
            ? status?.text("message") ?? "" : String(decoding: body.prefix(200), as: UTF8.self).singleLine
        kind = isStatus ? status?.text("details", "kind") ?? "" : ""
        name = isStatus ? status?.text("details", "name") ?? "" : ""
        advice = ""
        advice = advice(call, settings, isKubernetes: isStatus)
    }

    private func advice(_ call: KubernetesCall, _ settings: KubernetesSettings, isKubernetes: Bool) -> String {
        let object = call.name.map { " '\($0)'" } ?? ""
        switch code {
        case 401:
            guard let file = settings.tokenFile else {
                return "the API server wants a token: set lease.kubernetes.tokenFile"
            }
            return "the API server does not accept the token in '\(file)': it has expired or been revoked, or belongs "
                + "to another cluster"
        case 403:
            return "the right to \(call.verb.rawValue) \(call.resource.qualifiedName)\(object) in the namespace "
                + "'\(settings.namespace)' is missing: add the verb '\(call.verb.rawValue)' on "
                + "'\(call.resource.plural)' (apiGroup '\(call.resource.group)') to the Role of the service account"
        case 404 where kind == "namespaces":
            return "there is no namespace '\(settings.namespace)': make it, or correct lease.kubernetes.namespace"
        case 404 where !isObjectMissing:
            return "'\(settings.url)' does not know the path: is it a Kubernetes API server?"
        case 429: return "the API server is overloaded and asks for patience"
        case 504: return "the API server did not get it done in time, and may still do it"
        default: return isKubernetes ? "" : "'\(settings.url)' does not answer as a Kubernetes API server does"
        }
    }
}

extension String {
    /// For messages: control characters and line breaks become blanks.
    var singleLine: String { String(map { $0.isNewline || $0.asciiValue.map { $0 < 0x20 } == true ? " " : $0 }) }
}
