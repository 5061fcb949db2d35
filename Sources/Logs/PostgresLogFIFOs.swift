import Glibc
import Platform

/// The two FIFOs in the place of PostgreSQL's log files: what its logging collector writes never reaches a disk.
///
/// Opening a FIFO for writing waits for a reader, so that a postmaster would hang at its start, and its collector at
/// a rotation, whenever the pump is not there. Whoever starts the server therefore holds this value for as long as
/// it runs: it keeps both ends open. While the pump is being restarted, what the server logs waits in the FIFO.
package final class PostgresLogFIFOs: Sendable {
    /// `log_filename`: plain text, with what programs that the server runs write to their standard error.
    package static let plainName = "postgres.log"
    /// What the collector makes of it for JSON.
    package static let jsonName = "postgres.json"

    package let json: String
    package let plain: String
    private let jsonKeeper: FileDescriptor
    private let plainKeeper: FileDescriptor

    /// Makes the directory and the FIFOs; a log file that is in the way is removed.
    package init(directory: String) throws(SystemError) {
        try Files.makeDirectory(directory)
        json = "\(directory)/\(Self.jsonName)"
        plain = "\(directory)/\(Self.plainName)"
        jsonKeeper = try Self.make(json)
        plainKeeper = try Self.make(plain)
    }

    private static func make(_ path: String) throws(SystemError) -> FileDescriptor {
        do throws(SystemError) { try Files.makeFIFO(path) } catch {
            guard error.isExists else { throw error }
            try Files.remove(path)
            try Files.makeFIFO(path)
        }
        return try open(path)
    }

    /// For reading and writing, which waits for nobody; and reading never ends because a server has.
    static func open(_ path: String) throws(SystemError) -> FileDescriptor {
        try FileDescriptor(opening: path, O_RDWR | O_NONBLOCK)
    }
}
