/// Who reaches whom, per direction; several faults may cut the same way.
struct Network {
    /// `cuts[from][to]`.
    private var cuts: [[Int]]
    /// Requests to the store, and its answers.
    var storeRequests: [Int]
    var storeAnswers: [Int]

    init(members: Int) {
        cuts = Array(repeating: Array(repeating: 0, count: members), count: members)
        storeRequests = Array(repeating: 0, count: members)
        storeAnswers = Array(repeating: 0, count: members)
    }

    func passes(_ from: Int, _ to: Int) -> Bool { cuts[from][to] == 0 }
    func connects(_ one: Int, _ other: Int) -> Bool { cuts[one][other] == 0 && cuts[other][one] == 0 }

    mutating func cut(_ from: Int, _ to: Int, by change: Int) { cuts[from][to] += change }
    mutating func cutStoreRequests(_ member: Int, by change: Int) { storeRequests[member] += change }
    mutating func cutStoreAnswers(_ member: Int, by change: Int) { storeAnswers[member] += change }

    /// Both directions to every other member.
    mutating func isolate(_ member: Int, by change: Int) {
        for other in cuts.indices where other != member {
            cuts[other][member] += change
            cuts[member][other] += change
        }
    }
}

/// How things go at present, by the faults that are under way: each is a count of them.
struct Weather {
    var messageLoss = 0
    var messageDelay = 0
    var slowStore = 0
    var slowStoreWrites = 0
    var lostReplies = 0
    var slowDisk = 0
    var slowPromotion = 0
    var slowShutdown = 0
    var slowDetach = 0
    var slowStart = 0
    var replicationLag = 0
    var watchGaps = 0
    var failingTools = 0
}
