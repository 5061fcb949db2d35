import Platform

/// Watches a directory from a thread of its own.
final class DirectoryLeaseWatch: LeaseWatch {
    private let ending: Mailbox<Void>
    private let thread: WorkerThread

    /// - Parameter onChange: gets the names that appeared, changed or vanished; nil when events were lost.
    init(directory: String, onChange: @escaping @Sendable (Set<String>?) -> Void) throws(SystemError) {
        let watch = try FileWatch(directory: directory)
        let ending = try Mailbox<Void>(capacity: 1)
        thread = try WorkerThread(name: "lease-watch", capacity: 1)
        self.ending = ending
        thread.submit {
            while true {
                let ready = Poll.wait([watch.descriptor, ending.wakeDescriptor], until: nil)
                if ready.contains(ending.wakeDescriptor) { return }
                onChange(watch.drain())
            }
        }
    }

    deinit { stop() }

    func stop() {
        ending.post(())
        thread.stop()
    }
}
