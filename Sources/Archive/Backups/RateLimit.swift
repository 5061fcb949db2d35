import ClusterModel
import Glibc
import Platform
import Synchronization

/// So many bytes a second, for several threads together.
final class RateLimit: Sendable {
    /// Bytes a second; 0: no limit.
    private let rate: UInt64
    /// When the next byte may come.
    private let next = Mutex<Instant?>(nil)

    init(bytesPerSecond rate: UInt64) { self.rate = rate }

    /// Waits until `count` bytes may pass.
    /// - Parameter check: called some times a second; what it throws ends the wait.
    func take(_ count: Int, _ check: () throws -> Void) throws {
        guard rate > 0 else { return }
        let cost = Duration.microseconds(Int64(Double(count) / Double(rate) * 1_000_000))
        let start = next.withLock { next in
            // What was not used is not kept: the limit holds for every moment.
            let start = max(next ?? BootClock.now(), BootClock.now())
            next = start + cost
            return start
        }
        while true {
            try check()
            let left = start.since(BootClock.now())
            if left <= .zero { return }
            usleep(useconds_t(min(left.milliseconds, 100) * 1000 + 500))
        }
    }
}
