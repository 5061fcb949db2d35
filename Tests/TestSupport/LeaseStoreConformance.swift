import ClusterModel
import LeaseStores
import Platform
import Synchronization

/// One place for a record, as the conformance suite needs it: any number of members that open it, and what
/// happens to it behind their backs.
package protocol LeaseStoreSubject: Sendable {
    /// A store as another member would open it: on the same record as all others of this subject.
    func open() throws -> any LeaseStore
    /// The same record, opened by a member of another cluster.
    func openForeign() throws -> any LeaseStore
    func deleteRecord() throws
    func corruptRecord() throws
    /// Keeps a copy of the record as it is stored …
    func keepCopy() throws
    /// … and puts it back, as a restored backup would.
    func restoreCopy() throws
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
    case watchersLearnOfChanges = "a watcher learns of changes until it stops"

    package struct Violation: Error, CustomStringConvertible {
        package let description: String
    }

    package var description: String { rawValue }

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
