import Glibc

/// sem_t at an address that stays.
package final class Semaphore: Sendable {
    /// Only ever handed to sem_* calls, which are safe on all threads.
    nonisolated(unsafe) private let address = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    package init() { sem_init(address, 0, 0) }

    deinit {
        sem_destroy(address)
        address.deallocate()
    }

    package func signal() { sem_post(address) }

    package func wait() {
        while sem_wait(address) != 0, errno == EINTR {}
    }
}
