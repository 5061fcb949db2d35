import ClusterModel
import Platform

/// The record in a directory, for members that share a file system on one machine.
///
/// Every state is a file of its own, `<generation>.json`, and the highest generation is the current one. A writer
/// prepares its file under another name and claims the next generation with link(2), which only one can. No lock is
/// held at any moment: a writer that is stopped half-way (SIGSTOP, a hung disk) keeps nobody else from the lease,
/// as it would inside a critical section under flock.
package final class FileLeaseStore: LeaseStore {
    /// Where a call has come to.
    package enum Step: Sendable, Hashable {
        /// Nothing was looked at yet.
        case begun
        /// What is to be stored is on disk, and the next thing is to claim its place.
        case prepared
        /// The place is claimed: the record is stored.
        case claimed
    }

    /// Lets tests slow a call down, stop it, or make the disk fail.
    package typealias OnStep = @Sendable (Step) throws(SystemError) -> Void

    private let record: FileLeaseRecord
    private let calls: BoundedCalls

    /// - Parameters:
    ///   - path: the directory of the record. It is made by the first `create`; the directory above it must exist, so
    ///     that a file system that is not mounted is not taken for a new cluster.
    ///   - callTimeout: the bound of every call, also on a disk that hangs.
    package init(
        path: String, cluster: String, callTimeout: Duration = .seconds(2), onStep: OnStep? = nil
    ) {
        record = FileLeaseRecord(path: path, cluster: cluster, onStep: onStep)
        calls = BoundedCalls(name: "lease-disk", place: record.path, timeout: callTimeout)
    }

    package var path: String { record.path }

    package func read() throws(LeaseStoreError) -> (record: ClusterRecord, version: RecordVersion)? {
        try calls.run { [record] () throws(LeaseStoreError) in try record.read() }
    }

    package func create(_ new: ClusterRecord) throws(LeaseStoreError) -> RecordVersion {
        try calls.run { [record] () throws(LeaseStoreError) in try record.create(new) }
    }

    package func replace(
        _ new: ClusterRecord, at version: RecordVersion
    ) throws(LeaseStoreError) -> RecordVersion {
        try calls.run { [record] () throws(LeaseStoreError) in try record.replace(new, at: version) }
    }

    package func watch(_ onChange: @escaping @Sendable () -> Void) throws(LeaseStoreError) -> any LeaseWatch {
        try calls.run { [record] () throws(LeaseStoreError) in try record.watch(onChange) }
    }

    /// How far a writer may lag behind and still know for sure whether its claim held; also a short history for people.
    package static var generationsKept: UInt64 { FileLeaseRecord.generationsKept }
}
