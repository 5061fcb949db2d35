import ClusterModel

/// What was said in the log already: questions between members are repeated many times a second.
struct SaidBefore {
    private var asked: String?
    private var answers: [MemberName: String] = [:]

    mutating func isNew(_ request: PeerRequest) -> Bool {
        defer { asked = request.words }
        return asked != request.words
    }

    /// - Parameter answer: empty when granted.
    mutating func isNew(_ request: PeerRequest, of name: MemberName, _ answer: String) -> Bool {
        let text = "\(request.words): \(answer)"
        return answers.updateValue(text, forKey: name) != text
    }
}

extension PeerRequest {
    /// The same for every repetition.
    var words: String {
        switch self {
        case .consent(let asked): "consent to \(asked.holder.name) in term \(asked.term)"
        case .vote(let asked): "a vote for \(asked.candidate) against term \(asked.term), renewal \(asked.renewal)"
        }
    }
}
