import CPlatform
import CProcessTree
import ClusterModel
import Glibc
import Synchronization

/// PID 1's end of `pgmahout-guard`, the process that kills postgres at the lease deadline unless fed.
///
/// One value stands for one run of the process; when that ends, make a new one and feed it. Nothing here waits.
///
/// - Important: The guard takes the end of this value (its socket closes) for the death of PID 1 and kills postgres.
///   ``dismiss()`` first when postgres may go on.
package final class Guard: Sendable {
    /// The guard's last answer.
    package struct Acknowledgement: Sendable, Hashable {
        /// nil: it holds none.
        package let deadline: Instant?
        /// When the answer was read.
        package let at: Instant
    }

    package let process: ProcessID
    private let socket: FileDescriptor
    private let last = Mutex<Acknowledgement?>(nil)

    /// Starts the guard; it holds no deadline yet.
    /// - Parameters:
    ///   - path: where `pgmahout-guard` is.
    ///   - onExit: as for ``ChildRegistry/spawn(_:onExit:)``.
    package init(
        path: String, registry: ChildRegistry, onExit: @escaping ChildRegistry.ExitHandler
    ) throws(SystemError) {
        var ends: (Int32, Int32) = (-1, -1)
        let result = withUnsafeMutableBytes(of: &ends) { bytes in
            bytes.withMemoryRebound(to: Int32.self) { cpf_seqpacket_pair($0.baseAddress) }
        }
        guard result == 0 else { throw SystemError("make a socket pair") }
        let theirs = FileDescriptor(owning: ends.1)
        socket = FileDescriptor(owning: ends.0)
        var command = Command(path, environment: [:])
        command.input = .descriptor(theirs.rawValue)
        process = try registry.spawn(command, onExit: onExit)
    }

    /// Readable when answers wait: see ``acknowledgement()``.
    package var descriptor: Int32 { socket.rawValue }

    /// Tells the guard what it holds from now on. False when it does not take messages any more: it hangs or is dead,
    /// and nobody but PID 1 will stop postgres.
    ///
    /// - Parameters:
    ///   - postmaster: 0 while it is not known. Feed a deadline *before* postgres is started as a primary.
    ///   - deadline: postgres is killed when it passes; nil: only when PID 1 dies.
    ///   - dataDirectory: free of symbolic links, at most 1023 bytes (else false).
    package func feed(postmaster: ProcessID, deadline: Instant?, dataDirectory: String) -> Bool {
        var message = pgm_guard_message()
        message.postmaster = postmaster
        if let deadline {
            message.flags = PGM_GUARD_ARMED
            message.deadline_boottime_ns = deadline.nanoseconds
        }
        let fits = withUnsafeMutableBytes(of: &message.data_directory) { buffer in
            let path = dataDirectory.utf8
            guard path.count < buffer.count else { return false }
            buffer.copyBytes(from: path)
            return true
        }
        return fits && send(&message)
    }

    /// Ends the guard without killing anything.
    @discardableResult
    package func dismiss() -> Bool {
        var message = pgm_guard_message()
        message.postmaster = PGM_GUARD_GOODBYE
        return send(&message)
    }

    /// The last answer; nil before the first. One that stays old while messages are fed tells of a guard that hangs.
    package func acknowledgement() -> Acknowledgement? {
        last.withLock { last in
            var held: UInt64 = 0
            while recv(socket.rawValue, &held, 8, 0) == 8 {
                let deadline = held == 0 ? nil : Instant(nanoseconds: held)
                last = Acknowledgement(deadline: deadline, at: BootClock.now())
            }
            return last
        }
    }

    private func send(_ message: inout pgm_guard_message) -> Bool {
        message.magic = PGM_GUARD_MAGIC
        message.version = PGM_GUARD_VERSION
        let size = MemoryLayout<pgm_guard_message>.size
        return cpf_send(socket.rawValue, &message, UInt(size)) == size
    }
}
