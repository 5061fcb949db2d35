import ClusterModel
import Glibc
import ObjectStorage
import Platform

/// One WAL file out of an archive by a process of its own, where no archiver runs: for a server that recovers what a
/// restore has prepared.
package enum WALFetchOnce {
    /// PostgreSQL's reading of a restore_command: 1 to 125 is "there is none", and ends a recovery; anything above stops
    /// the server, so that it can go on later from where it is.
    package enum ExitCode {
        package static let absent: Int32 = 1
        package static let unavailable: Int32 = 255
    }

    private static let longestPause = Duration.seconds(5)

    /// - Parameters:
    ///   - path: where it goes, whole or not at all.
    ///   - patience: for how long an archive that does not answer is asked again.
    /// - Returns: false for a confirmed absence. Everything else is thrown.
    package static func fetch(
        _ name: String, to path: String, from store: any ObjectStore, _ layout: ArchiveLayout, patience: Duration
    ) throws(ArchiveError) -> Bool {
        guard let file = WALFileName(ofAnySize: name) else {
            throw ArchiveError(.refused, "'\(name)' is no name of a WAL file")
        }
        let request = WALFetch.Request(name: file, path: path)
        let deadline = BootClock.now() + patience
        var pause = Duration.milliseconds(100)
        while true {
            do throws(ArchiveError) {
                return try WALFetch(store: store, layout: layout).fetch(request, of: nil)
            } catch {
                guard error.kind == .unavailable, BootClock.now() + pause < deadline else { throw error }
                usleep(UInt32(clamping: pause.milliseconds * 1000))
                pause = min(pause * 2, longestPause)
            }
        }
    }
}
