import ClusterModel
import Glibc
import Platform

/// Watches a directory from a thread of its own, also when it is removed, made anew or replaced meanwhile.
final class DirectoryLeaseWatch: LeaseWatch {
    private let ending: Mailbox<Void>
    private let thread: WorkerThread

    /// - Parameter onChange: gets the names that appeared, changed or vanished; nil when events were lost.
    init(directory: String, onChange: @escaping @Sendable (Set<String>?) -> Void) throws(SystemError) {
        let watch = try FileWatch(directory: directory)
        let identity = Self.identity(of: directory)
        let ending = try Mailbox<Void>(capacity: 1)
        thread = try WorkerThread(name: "lease-watch", capacity: 1)
        self.ending = ending
        thread.submit { Self.run(watch, identity, directory, ending, onChange) }
    }

    deinit { stop() }

    func stop() {
        ending.post(())
        thread.stop()
    }

    private static func run(
        _ first: FileWatch, _ identity: Identity?, _ directory: String, _ ending: Mailbox<Void>,
        _ onChange: @Sendable (Set<String>?) -> Void
    ) {
        var (watch, watched): (FileWatch?, Identity?) = (first, identity)
        while true {
            let descriptors = [ending.wakeDescriptor, watch?.descriptor ?? -1]
            let ready = Poll.wait(descriptors, until: BootClock.now() + lookAgain)
            if ready.contains(ending.wakeDescriptor) { return }
            // The kernel says nothing of a directory that takes the place of the one that is watched; and one that is
            // removed and made anew may get the same number. So every event is answered by a fresh watch, which stands
            // before the old one is read for the last time.
            let present = Self.identity(of: directory)
            let isReplaced = present != watched
            guard isReplaced || !ready.isEmpty else { continue }
            let previous = watch
            watch = try? FileWatch(directory: directory)
            watched = watch == nil ? nil : present
            if let previous, !isReplaced {
                let names = previous.drain()
                // No name at all: it was the directory itself.
                onChange(names?.isEmpty == true ? nil : names)
            } else if watch != nil {
                onChange(nil)
            }
        }
    }

    private struct Identity: Equatable {
        var device: UInt64
        var inode: UInt64
    }

    private static func identity(of directory: String) -> Identity? {
        var status = stat()
        guard stat(directory, &status) == 0 else { return nil }
        return Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }

    private static let lookAgain = Duration.seconds(1)
}
