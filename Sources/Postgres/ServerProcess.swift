import Glibc
import Platform

/// What the server's own processes are about, as far as it can be told from outside.
enum ServerProcess {
    /// Whether the checkpointer waits, and so has read the configuration that was loaded before. While it writes in a
    /// hurry it does not look at signals, and what it has to pass on (whether commits wait) stays as it was.
    static func isAtRest(checkpointer waitEvent: String?) -> Bool {
        waitEvent == "CheckpointerMain" || waitEvent == "CheckpointWriteDelay"
    }

    /// Whether a SIGHUP was sent to a process that it has not taken notice of yet: it may show for a while that it
    /// waits although it was woken. True as well when it cannot be told.
    static func isReloadPending(_ process: ProcessID) -> Bool {
        guard let text = try? Files.readText("/proc/\(process)/status", limit: 64 << 10) else { return true }
        let masks = text.split(separator: "\n").filter { $0.hasPrefix("SigPnd:") || $0.hasPrefix("ShdPnd:") }
            .compactMap { $0.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) } }
        return masks.count < 2 || masks.contains { $0 & 1 << UInt64(SIGHUP - 1) != 0 }
    }

    /// Whether the startup process is where it reads a changed configuration before it does anything else: in front of
    /// the upstream, the archive, a pause or a delay.
    static func isAtTurn(startup waitEvent: String?) -> Bool {
        switch waitEvent {
        case "RecoveryWalStream", "RecoveryRetrieveRetryInterval", "RestoreCommand", "RecoveryPause",
            "RecoveryApplyDelay":
            true
        default: false
        }
    }

    /// The children of the postmaster that are WAL receivers or so young that it cannot be told yet what they become.
    /// - Parameters:
    ///   - backend: a process of the same server.
    ///   - clusterName: as in `cluster_name`.
    static func possibleReceivers(besides backend: ProcessID, clusterName: String) throws(SystemError) -> [ProcessID] {
        guard let postmaster = status(of: backend)?.parent else {
            throw SystemError("find the postmaster of a connection", code: ESRCH)
        }
        let name = clusterName.isEmpty ? "" : clusterName + ": "
        return try Files.list("/proc").compactMap { ProcessID($0) }.filter { process in
            guard process != backend, let status = status(of: process), status.parent == postmaster,
                let title = try? Files.read("/proc/\(process)/cmdline", limit: 64 << 10), !title.isEmpty
            else { return false }
            let text = String(decoding: title.prefix { $0 != 0 }, as: UTF8.self)
            guard text.hasPrefix("postgres: ") else {
                // It has no title yet. One that sleeps waits for a client to say who it is: a receiver has its title
                // before it waits for anything.
                return status.state != "S"
            }
            return text.hasPrefix("postgres: \(name)walreceiver")
        }
    }

    private static func status(of process: ProcessID) -> (state: Substring, parent: ProcessID)? {
        // Fields after the name in parentheses, which may itself hold anything.
        guard let text = try? Files.readText("/proc/\(process)/stat"), let close = text.lastIndex(of: ")") else {
            return nil
        }
        let fields = text[text.index(after: close)...].split(separator: " ")
        guard fields.count > 1, let parent = ProcessID(fields[1]) else { return nil }
        return (fields[0], parent)
    }
}
