import ClusterModel
import Glibc

/// Waiting for descriptors.
package enum Poll {
    /// Waits until one of the descriptors is readable, at its end or broken, or until `deadline` (nil: for ever).
    /// Returns those that are, none at the deadline. Negative descriptors are never ready. A suspended machine may
    /// wake up late; signals do not end the wait.
    package static func wait(_ descriptors: [Int32], until deadline: Instant?) -> [Int32] {
        var entries = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        while true {
            let count = poll(&entries, nfds_t(entries.count), milliseconds(until: deadline))
            if count > 0 { return entries.filter { $0.revents != 0 }.map(\.fd) }
            // Anything but an interruption would repeat for ever; the caller looks around and comes back.
            if count < 0, errno != EINTR { return [] }
            if let deadline, BootClock.now() >= deadline { return [] }
        }
    }

    /// Rounded up, so that nobody wakes just before the deadline and spins; a day at most, and then once more.
    private static func milliseconds(until deadline: Instant?) -> Int32 {
        guard let deadline else { return -1 }
        let rest = deadline.since(BootClock.now()).nanoseconds
        guard rest > 0 else { return 0 }
        return Int32(min((rest - 1) / 1_000_000 + 1, 86_400_000))
    }
}
