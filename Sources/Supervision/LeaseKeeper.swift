import ClusterModel
import Leadership
import LeaseStores
import Platform

/// The thread that talks to the lease store, and does nothing else: a renewal waits for nobody.
final class LeaseKeeper: Sendable {
    private let store: any LeaseStore
    private let thread: WorkerThread
    private let mailbox: Mailbox<Message>
    private let watch: (any LeaseWatch)?

    init(store: any LeaseStore, mailbox: Mailbox<Message>) throws(SystemError) {
        self.store = store
        self.mailbox = mailbox
        thread = try WorkerThread(name: "lease", capacity: 8)
        // Without a watch the regular reading is all there is.
        watch = try? store.watch { _ = mailbox.post(.storeChanged) }
    }

    /// False when it is busy; the caller asks again later.
    func read() -> Bool {
        thread.submit { [store, mailbox] in _ = mailbox.post(.storeRead(Self.read(store))) }
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

    func stop() {
        watch?.stop()
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
