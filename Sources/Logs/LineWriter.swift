import ClusterModel
import Glibc
import Platform
import Synchronization

/// Writes whole lines to a descriptor from a thread of its own, so that nobody who logs ever waits for whoever reads
/// (a full pipe, a stopped terminal). What does not fit is dropped, and counted in a line of its own.
final class LineWriter: Sendable {
    private struct State {
        var lines: [[UInt8]] = []
        /// Of `lines` and of what the thread is at.
        var bytes = 0
        var dropped = 0
        var writing = false
        var somebodyWaits = false
    }

    private let state = Mutex(State())
    private let descriptor: Int32
    private let capacity: Int
    private let thread: WorkerThread
    private let progress: Mailbox<Void>
    private let dropNotice: @Sendable (Int) -> [[UInt8]]

    /// - Parameters:
    ///   - descriptor: stays open for as long as the writer lives.
    ///   - capacity: bytes of lines that may wait.
    ///   - dropNotice: the lines that tell how many were dropped.
    init(
        descriptor: Int32, capacity: Int = 1 << 20, dropNotice: @escaping @Sendable (Int) -> [[UInt8]]
    ) throws(SystemError) {
        self.descriptor = descriptor
        self.capacity = capacity
        self.dropNotice = dropNotice
        thread = try WorkerThread(name: "log", capacity: 1)
        progress = try Mailbox(capacity: 1)
    }

    /// Takes lines of at most PIPE_BUF bytes, and writes them in order. Never waits; false when there is no room.
    /// - Parameter dropping: whether the lines are lost then, and to be counted: false for who tries again.
    @discardableResult
    func write(_ lines: [[UInt8]], dropping: Bool = true) -> Bool {
        let size = lines.reduce(0) { $0 + $1.count }
        return state.withLock { state in
            guard state.bytes + size <= capacity else {
                if dropping { state.dropped += lines.count }
                return false
            }
            state.lines += lines
            state.bytes += size
            if !state.writing { state.writing = thread.submit { self.drain() } }
            return true
        }
    }

    /// Waits until half of the capacity is free; false when it is not by `deadline`. For one thread at a time.
    func waitForRoom(until deadline: Instant) -> Bool {
        wait(until: deadline) { [capacity] in $0.bytes <= capacity / 2 }
    }

    /// Waits until all lines are written; false when they are not by `deadline`. For one thread at a time.
    @discardableResult
    func flush(until deadline: Instant) -> Bool {
        wait(until: deadline) { $0.bytes == 0 && !$0.writing }
    }

    private func wait(until deadline: Instant, _ condition: @Sendable (borrowing State) -> Bool) -> Bool {
        while true {
            let holds = state.withLock { state in
                state.somebodyWaits = true
                return condition(state)
            }
            if holds || BootClock.now() >= deadline {
                state.withLock { $0.somebodyWaits = false }
                return holds
            }
            _ = Poll.wait([progress.wakeDescriptor], until: deadline)
            _ = progress.drain()
        }
    }

    // MARK: - On the thread

    private func drain() {
        while let (lines, dropped) = nextBatch() {
            var next = 0
            while next < lines.count {
                // As many at once as still cannot be mixed with what others write.
                var chunk = lines[next]
                next += 1
                while next < lines.count, chunk.count + lines[next].count <= LogFormat.maximumLineBytes {
                    chunk += lines[next]
                    next += 1
                }
                put(chunk)
                account(chunk.count)
            }
            // Behind what was accepted before: that is when it happened.
            if dropped > 0 { for line in dropNotice(dropped) { put(line) } }
        }
        account(0)
    }

    private func nextBatch() -> (lines: [[UInt8]], dropped: Int)? {
        state.withLock { state in
            guard !state.lines.isEmpty || state.dropped > 0 else {
                state.writing = false
                return nil
            }
            defer { (state.lines, state.dropped) = ([], 0) }
            return (state.lines, state.dropped)
        }
    }

    private func account(_ written: Int) {
        let somebodyWaits = state.withLock { state in
            state.bytes -= written
            return state.somebodyWaits
        }
        if somebodyWaits { progress.post(()) }
    }

    /// One write(2), but where the descriptor takes less. An output that is gone takes what is written with it.
    private func put(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                // Another process that shares the output made it non-blocking.
                var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&entry, 1, -1)
            } else if errno != EINTR {
                return
            }
        }
    }
}
