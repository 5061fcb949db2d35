import ClusterModel
import LeaseStores
import Platform
import Synchronization

/// One place for a record, as the conformance suite needs it: any number of members that open it, and what
/// happens to it, and to the way there, behind their backs.
package protocol LeaseStoreSubject: Sendable {
    /// The longest that a call of these stores may take.
    var bound: Duration { get }
    /// How often races are run: fewer times for stores that are slow.
    var rounds: Int { get }
    /// A store as another member would open it: on the same record as all others of this subject.
    func open() throws -> any LeaseStore
    /// The same record by a way that `loseNextReply`, `slow` and `disconnect` leave alone.
    func openDirect() throws -> any LeaseStore
    /// The same record, opened by a member of another cluster.
    func openForeign() throws -> any LeaseStore

    func deleteRecord() throws
    /// What is stored can no longer be read as a record.
    func corruptRecord() throws
    /// Stores a record as a newer version would, of which only format and cluster can be known.
    func putNewerRecord(format: Int) throws
    /// Keeps a copy of the store as it is …
    func keepCopy() throws
    /// … and goes back to it, as a restored backup does: whatever the store counts goes back as well.
    func restoreCopy() throws

    /// The next write through `open` is applied, and its reply never arrives.
    func loseNextReply() throws
    /// Every call through `open` takes so much longer; zero heals.
    func slow(by delay: Duration) throws
    /// The store stands still …
    func pause() throws
    /// … and goes on.
    func resume() throws
    /// The connections of `open`, those of watches as well, break and are refused …
    func disconnect() throws
    /// … until now.
    func reconnect() throws
}

extension LeaseStoreSubject {
    package var rounds: Int { 20 }
}

/// What every lease store must do, whatever it is made of. Each check gets a fresh subject and throws
/// `Violation` when the store does anything else.
package enum LeaseStoreConformance: String, CaseIterable, Sendable, CustomStringConvertible {
    case anEmptyStoreHasNoRecord = "an empty store has no record, and none to replace"
    case whatIsWrittenIsRead = "what is written is read back, whole, by every other member"
    case oneCreatorWins = "of many that create at once exactly one succeeds"
    case createNeverOverwrites = "create never overwrites"
    case aStaleVersionIsRefused = "a version that was replaced is refused for ever"
    case oneWriterWins = "of many that replace the same version at once exactly one succeeds"
    case noUpdateIsLost = "many writers that retry on conflict lose no update"
    case readersSeeOnlyWhatWasCurrent = "readers never see a record that goes back"
    case deletionInvalidatesVersions = "a deleted record is gone, and one made anew knows no old version"
    case restoredCopyIsAnotherVersion = "an older copy that is put back is read, and is no version known before"
    case corruptionIsInvalid = "a record that cannot be read is invalid, and is not overwritten"
    case foreignRecordsAreRefused = "a record of another cluster is refused, by name, and left alone"
    case newerRecordsAreRefused = "a record of a newer version is refused, by format, and left alone"
    case aLostReplyIsNoRefusal = "a write that was applied is never reported as refused, however its reply was lost"
    case slownessIsBounded = "a slow store is waited for, within the bound of a call"
    case standstillIsBounded = "a store that stands still costs the bound of a call, and is used again afterwards"
    case disconnectionIsUnavailability = "without a connection nothing is written, and all is well with the next one"
    case contentThatCameBackIsAnotherState = "content that was replaced and came back is another state"
    case aRecordMadeAnewIsAnother = "a record made anew with the same content is another one"
    case lostStatesStayLost = "writers that know nothing of a restore do not overwrite what was restored"
    case watchersSurviveGaps = "a watcher is told of what it missed while it was cut off"
    case watchersLearnOfChanges = "a watcher learns of changes until it stops"

    package struct Violation: Error, CustomStringConvertible {
        package let description: String
    }

    package var description: String { rawValue }

    /// The bound that the stores of a subject for this check should have: short where the check waits for it, and else
    /// far above what a call takes on a machine that is busy.
    package var bound: Duration {
        switch self {
        case .slownessIsBounded, .standstillIsBounded, .disconnectionIsUnavailability: .milliseconds(600)
        default: .seconds(30)
        }
    }

    /// Runs all checks.
    package static func run(make: () throws -> any LeaseStoreSubject) throws {
        for check in allCases { try check.run(make: make) }
    }

    /// Runs this check.
    package func run(make: () throws -> any LeaseStoreSubject) throws {
        let subject = try make()
        switch self {
        case .anEmptyStoreHasNoRecord: try Self.checkEmpty(subject)
        case .whatIsWrittenIsRead: try Self.checkRoundTrip(subject)
        case .oneCreatorWins: try Self.checkCreateRace(subject)
        case .createNeverOverwrites: try Self.checkCreateOnce(subject)
        case .aStaleVersionIsRefused: try Self.checkStaleVersions(subject)
        case .oneWriterWins: try Self.checkReplaceRace(subject)
        case .noUpdateIsLost: try Self.checkCounting(subject)
        case .readersSeeOnlyWhatWasCurrent: try Self.checkMonotonicReads(subject)
        case .deletionInvalidatesVersions: try Self.checkDeletion(subject)
        case .restoredCopyIsAnotherVersion: try Self.checkRestoredCopy(subject)
        case .corruptionIsInvalid: try Self.checkCorruption(subject)
        case .foreignRecordsAreRefused: try Self.checkForeign(subject)
        case .newerRecordsAreRefused: try Self.checkNewer(subject)
        case .aLostReplyIsNoRefusal: try Self.checkLostReply(subject)
        case .slownessIsBounded: try Self.checkSlow(subject)
        case .standstillIsBounded: try Self.checkPaused(subject)
        case .disconnectionIsUnavailability: try Self.checkDisconnected(subject)
        case .contentThatCameBackIsAnotherState: try Self.checkSameContent(subject)
        case .aRecordMadeAnewIsAnother: try Self.checkRecreation(subject)
        case .lostStatesStayLost: try Self.checkStaleAfterRestore(subject)
        case .watchersSurviveGaps: try Self.checkWatchGap(subject)
        case .watchersLearnOfChanges: try Self.checkWatch(subject)
        }
    }
}

// MARK: - Tools of the checks

extension LeaseStoreConformance {
    /// The cluster that `open()` is of.
    package static let cluster = "conformance"

    package static func record(term: UInt64, renewal: String = "") -> ClusterRecord {
        var record = ClusterRecord(cluster: cluster, durationMilliseconds: 6000)
        record.term = term
        record.renewal = renewal
        return record
    }

    static func require(_ condition: Bool, _ expectation: @autoclosure () -> String) throws {
        if !condition { throw Violation(description: expectation()) }
    }

    static func require<Value>(_ value: Value?, _ expectation: @autoclosure () -> String) throws -> Value {
        guard let value else { throw Violation(description: expectation()) }
        return value
    }

    static func expect(
        _ expected: LeaseStoreError, _ what: String, _ body: () throws -> Void
    ) throws {
        do { try body() } catch let error as LeaseStoreError {
            return try require(error == expected, "\(what): \(error) instead of \(expected)")
        }
        throw Violation(description: "\(what): succeeded instead of \(expected)")
    }

    static func expectInvalid(_ what: String, _ body: () throws -> Void) throws -> String {
        do { try body() } catch LeaseStoreError.invalid(let reason) { return reason }
        throw Violation(description: "\(what): succeeded instead of being refused as invalid")
    }

    /// Runs `body` on as many threads at once and returns what they return, by index; throws the first error.
    static func inParallel<Result: Sendable>(
        _ count: Int, _ body: @escaping @Sendable (Int) throws -> Result
    ) throws -> [Result] {
        let finished = try Mailbox<(index: Int, result: Swift.Result<Result, any Error>)>(capacity: count)
        for index in 0..<count {
            try WorkerThread(name: "conformance").submit { finished.post((index, Swift.Result { try body(index) })) }
        }
        var results: [(index: Int, result: Swift.Result<Result, any Error>)] = []
        let deadline = BootClock.now() + .seconds(60)
        while results.count < count {
            try require(BootClock.now() < deadline, "\(count - results.count) of \(count) threads never returned")
            _ = Poll.wait([finished.wakeDescriptor], until: deadline)
            results += finished.drain()
        }
        return try results.sorted { $0.index < $1.index }.map { try $0.result.get() }
    }
}
