import ClusterModel
import Glibc
import Platform

/// The archiver as a server of WAL for one recovery, in this process. It has no lease, so it pushes nothing.
final class WALServer {
    private let lifeline: FileDescriptor
    private let ended: Mailbox<Int32>
    private let thread: WorkerThread
    /// nil once told to stop.
    private var hand: FileDescriptor?

    private static let startTime = Duration.seconds(5)
    private static let endTime = Duration.seconds(15)

    init(_ settings: ArchiveSettings) throws {
        let ends = try Pipe.makePipe()
        lifeline = FileDescriptor(owning: ends.read)
        hand = FileDescriptor(owning: ends.write)
        ended = try Mailbox(capacity: 1)
        thread = try WorkerThread(name: "wal-server", capacity: 1)
        let (control, ended) = (ends.read, ended)
        thread.submit { ended.post(ArchiverWorker.run(settings, control: control, status: -1)) }
        let deadline = BootClock.now() + Self.startTime
        while !Files.exists(settings.socketPath) {
            guard BootClock.now() < deadline else {
                throw RestoreError("no WAL can be served from '\(settings.socketPath)'")
            }
            usleep(5_000)
        }
    }

    deinit { stop() }

    /// Waits for the thread, which uses the descriptor of the lifeline until its end.
    func stop() {
        guard hand.take() != nil else { return }
        _ = Poll.wait([ended.wakeDescriptor], until: BootClock.now() + Self.endTime)
        thread.stop()
    }
}
