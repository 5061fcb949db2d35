import ClusterModel
import Leadership
import LeaseStores
import Management
import Platform
import Postgres

/// Everything that reaches PID 1's loop from its other threads and from its children.
enum Message: Sendable {
    case postmasterEnded(ProcessID, ExitStatus)
    case toolEnded(ProcessID, ExitStatus)
    case workerEnded(WorkerKeeper.Kind, ProcessID, ExitStatus)
    case guardEnded(ProcessID, ExitStatus)
    case jobEnded(ProcessID, ExitStatus)

    case storeRead(Result<StoredRecord?, LeaseStoreError>)
    /// A hint: read soon.
    case storeChanged
    case storeWritten(StoreWrite, Result<RecordVersion, LeaseStoreError>, sentAt: Instant, answeredAt: Instant)

    /// - run: which start of postgres was asked; a report of an earlier one is void.
    case probed(Result<LocalReport, SQLError>, at: Instant, run: Int)
    /// A connection beside the long-lived one was tried.
    case knocked(Knock, at: Instant, run: Int)
    /// What a person should know of declared logical slots.
    case logicalSlots([String])
    case slotProblems([String])
    case peerAnswered(MemberName, MemberStatus, at: Instant)
    case peerReplied(MemberName, PeerRequest, Result<PeerAnswer, PeerFailure>)
    /// Another member asks; nil: it cannot be answered now.
    case peerRequested(PeerRequest, reply: @Sendable (PeerAnswer?) -> Void)
    /// The other cluster; nil: none of its servers answers, and why.
    case remoteSeen(RemoteAnswer?, problem: String?, at: Instant)
    case historyFetched(TimelineHistory)
    case historyUnavailable(String)

    case inspected(DataDirectoryState, end: LSN?, rewindPending: Bool, isBackup: Bool)
    /// One step of an operation is through; `error` says why it failed.
    case stepDone(OperationStep, error: String?)

    /// The files with a setting of that number are written, or could not be.
    case settingWritten(Int, error: String?)
    case disk(DiskState)
    case keptWAL(String)

    case control(ControlRequest, reply: @Sendable (ControlAnswer) -> Void)
    case reloaded(Result<LoadedConfiguration, ReloadRefused>)
}

/// A record and the version that a compare-and-swap must name.
struct StoredRecord: Sendable {
    var record: ClusterRecord
    var version: RecordVersion
}

struct ReloadRefused: Error {
    var description: String
}

/// Where a running operation stands. The loop starts each step on the thread it belongs to, and goes on when the step
/// reports back; a step of an operation that was given up is ignored.
struct OperationStep: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case prepareStart, discardStaging, initdb, finishBootstrap, adopt, makeSlot, baseBackup, sourceCheckpoint
        case beginRewind, rewind, endRewind, discard, requestPromotion, writeFollow, checkpoint, preparePromotion
        case makeRoom, keepWAL, writeDetached, endReceiver, requireEmptyArchive, restore, explainRestore, unpackBackup
    }

    var kind: Kind
    /// Number of the operation.
    var operation: Int
}
