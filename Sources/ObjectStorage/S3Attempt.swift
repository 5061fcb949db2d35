import ClusterModel
import HTTPTransport
import Platform

/// A request on its way, with what it was signed with.
final class S3Attempt: Sendable {
    let credentials: S3Credentials
    let region: String
    let moment: S3Moment
    private let deadline: Instant
    private let answer: Mailbox<Result<HTTPResponse, HTTPError>>

    /// - Parameter limit: that the request was sent with.
    init(credentials: S3Credentials, region: String, moment: S3Moment, limit: Duration) throws(ObjectStoreError) {
        self.credentials = credentials
        self.region = region
        self.moment = moment
        // The client keeps the time; this is for one that does not come round to it.
        deadline = BootClock.now() + limit + .seconds(1)
        do throws(SystemError) { answer = try Mailbox(capacity: 1) } catch { throw ObjectStoreError(error) }
    }

    func finish(_ result: Result<HTTPResponse, HTTPError>) { answer.post(result) }

    /// Once.
    /// - Parameter limit: shortens the wait; nil: as long as the request may take.
    func wait(atMost limit: Duration? = nil) -> Result<HTTPResponse, HTTPError> {
        let end = limit.map { min(deadline, BootClock.now() + $0) } ?? deadline
        _ = Poll.wait([answer.wakeDescriptor], until: end)
        return answer.drain().first ?? .failure(.timedOut)
    }
}

/// Pauses between repetitions: random ones, so that many who were refused together do not come back together.
struct BackOff {
    private var bound: Duration
    private let longest: Duration
    private let deadline: Instant

    init(_ first: Duration, atMost longest: Duration = .seconds(20), until deadline: Instant) {
        bound = first
        self.longest = longest
        self.deadline = deadline
    }

    var rest: Duration { max(.zero, deadline.since(BootClock.now())) }

    /// Waits. False, at once, when there would be no time left afterwards.
    /// - Parameter isOver: asked now and then; true ends the pause, but not before `least`.
    mutating func pause(atLeast least: Duration?, unless isOver: () -> Bool = { false }) -> Bool {
        let random = Duration.nanoseconds(Int64.random(in: 0...max(1, bound.nanoseconds)))
        let span = max(random, min(least ?? .zero, max(longest, .seconds(20))))
        guard span < rest else { return false }
        let (begun, needed) = (BootClock.now(), min(least ?? .zero, span))
        while true {
            let passed = BootClock.now().since(begun)
            if passed >= span || (passed >= needed && isOver()) { break }
            Pause.wait(min(span - passed, Self.look))
        }
        bound = min(bound * 2, longest)
        return true
    }

    private static let look = Duration.milliseconds(50)
}
