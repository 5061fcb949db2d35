import ClusterModel
import Platform
import Postgres

/// Processes of an earlier server on the same data directory.
enum Leftovers {
    /// Ends backends of a server that crashed, or a whole server whose PID 1 died without its guard: two servers on
    /// one directory would destroy it, and postgres does not start while one of them holds its shared memory. Waits
    /// until they are gone, so it belongs on the disk thread.
    static func end(of directory: DataDirectory, canonicalPath: String) throws {
        let deadline = BootClock.now() + .seconds(10)
        while true {
            let postmaster = PostmasterPIDFile.read(dataDirectory: directory.path)
                .flatMap { $0.refersToLiveProcess() ? $0.processID : nil }
            _ = Processes.killPostgres(postmaster: postmaster ?? 0, dataDirectory: canonicalPath)
            let left = Processes.postgres(postmaster: postmaster ?? 0, dataDirectory: canonicalPath)
            if left.isEmpty { return }
            guard BootClock.now() < deadline else {
                throw DataDirectoryError(
                    "processes \(left) of an earlier server on '\(directory.path)' cannot be killed: they hang in the "
                        + "kernel, most likely on a disk")
            }
            _ = Poll.wait([], until: BootClock.now() + .milliseconds(5))
        }
    }
}
