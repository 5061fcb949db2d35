import ClusterModel
import Leadership
import LeaseStores
import Platform
import Synchronization

/// The thread that talks to the lease store, and does nothing else: a renewal waits for nobody.
final class LeaseKeeper: Sendable {
    private let store: any LeaseStore
    private let thread: WorkerThread
    private let mailbox: Mailbox<Message>
    private let watch = Mutex<(any LeaseWatch)?>(nil)

    init(store: any LeaseStore, mailbox: Mailbox<Message>) throws(SystemError) {
        self.store = store
        self.mailbox = mailbox
        thread = try WorkerThread(name: "lease", capacity: 8)
    }

    /// False when it is busy; the caller asks again later.
    func read() -> Bool {
        thread.submit { [self] in
            let result = Self.read(store)
            _ = mailbox.post(.storeRead(result))
            // Without a watch the regular reading is all there is. One that cannot be had now may be had later.
            if case .success = result { watchIfNeeded() }
        }
    }

    func write(_ write: StoreWrite) -> Bool {
        thread.submit { [store, mailbox] in
            // Counted from before it is sent: the store may apply it at once and answer late.
            let sentAt = BootClock.now()
            let result: Result<RecordVersion, LeaseStoreError>
            do throws(LeaseStoreError) {
                switch write {
                case .create(let record): result = .success(try store.create(record))
                case .replace(let record, let version):
                    result = .success(try store.replace(record, at: RecordVersion(version)))
                }
            } catch {
                result = .failure(error)
            }
            _ = mailbox.post(.storeWritten(write, result, sentAt: sentAt, answeredAt: BootClock.now()))
            // What is there now: after a conflict or a doubtful write only reading tells.
            if case .failure = result { _ = mailbox.post(.storeRead(Self.read(store))) }
        }
    }

    private func watchIfNeeded() {
        guard watch.withLock({ $0 == nil }) else { return }
        let new = try? store.watch { [mailbox] in _ = mailbox.post(.storeChanged) }
        watch.withLock { $0 = new }
    }

    func stop() {
        watch.withLock { $0?.stop() }
        thread.stop()
    }

    private static func read(_ store: any LeaseStore) -> Result<StoredRecord?, LeaseStoreError> {
        do throws(LeaseStoreError) {
            return .success(try store.read().map { StoredRecord(record: $0.record, version: $0.version) })
        } catch {
            return .failure(error)
        }
    }
}
