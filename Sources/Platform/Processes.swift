import CPlatform
import CProcessTree
import Glibc

/// Other processes, by number. A number may be given to another process as soon as its owner has been waited for.
package enum Processes {
    /// Makes orphaned descendants our children, as they are those of PID 1.
    package static func setChildSubreaper() throws(SystemError) {
        guard cpf_set_child_subreaper() == 0 else { throw SystemError("become a subreaper") }
    }

    /// Gives way to others from now on, with the processor and the disk.
    package static func lowerPriority() { cpf_lower_priority() }

    /// When a process started, in whole seconds since 1970, right to about a second; nil when there is none.
    package static func startTime(of process: ProcessID) -> UInt64? {
        guard let ticks = startTicks(of: process), let boot = bootTime() else { return nil }
        let ticksPerSecond = UInt64(max(1, sysconf(Int32(_SC_CLK_TCK))))
        return boot + ticks / ticksPerSecond
    }

    /// When a process started, in clock ticks since boot: together with the number it names one process for ever.
    package static func startTicks(of process: ProcessID) -> UInt64? {
        // Fields after the name in parentheses, which may itself hold anything.
        guard let text = try? Files.readText("/proc/\(process)/stat"), let close = text.lastIndex(of: ")") else {
            return nil
        }
        let fields = text[text.index(after: close)...].split(separator: " ")
        return fields.count > 19 ? UInt64(fields[19]) : nil
    }

    private static func bootTime() -> UInt64? {
        guard let text = try? Files.readText("/proc/stat") else { return nil }
        let line = text.split(separator: "\n").first { $0.hasPrefix("btime ") }
        return line.flatMap { UInt64($0.dropFirst(6)) }
    }

    /// nil when there is no such process, or it is not ours to look at.
    package static func workingDirectory(of process: ProcessID) -> String? {
        try? Files.linkTarget("/proc/\(process)/cwd")
    }

    /// The program's path, with ` (deleted)` behind it when its file was replaced.
    package static func executable(of process: ProcessID) -> String? {
        try? Files.linkTarget("/proc/\(process)/exe")
    }

    /// Whether a process is stopped by a signal (SIGSTOP), and runs nothing until it is continued.
    package static func isStopped(_ process: ProcessID) -> Bool {
        guard let text = try? Files.readText("/proc/\(process)/stat"), let close = text.lastIndex(of: ")") else {
            return false
        }
        return text[text.index(after: close)...].split(separator: " ").first == "T"
    }

    /// Whether there is such a process; one that ended and was not waited for counts.
    package static func exists(_ process: ProcessID) -> Bool {
        kill(process, 0) == 0 || errno == EPERM
    }

    /// False when there is no such process or it is not ours to signal. Children: ``ChildRegistry/signal(_:_:)``.
    @discardableResult
    package static func signal(_ process: ProcessID, _ signal: Int32) -> Bool {
        process > 0 && kill(process, signal) == 0
    }

    @discardableResult
    package static func signalGroup(_ group: ProcessID, _ signal: Int32) -> Bool {
        group > 1 && kill(-group, signal) == 0
    }

    /// Kills a whole PostgreSQL server: the postmaster, its children, which are no part of its process group, and
    /// orphans of an earlier postmaster. None of them runs on when this returns, though some may still be exiting;
    /// ``postgres(postmaster:dataDirectory:)`` tells. Never waits, and reads nothing but /proc.
    ///
    /// - Parameters:
    ///   - postmaster: 0 when there is none; never a number that has been waited for.
    ///   - dataDirectory: free of symbolic links (``Files/canonicalPath(_:)``, resolved once, when the disk was well).
    /// - Returns: how many processes were alive; nil when /proc cannot be read.
    @discardableResult
    package static func killPostgres(postmaster: ProcessID, dataDirectory: String) -> Int? {
        let count = pgm_kill_postgres(postmaster, dataDirectory)
        return count < 0 ? nil : Int(count)
    }

    /// The living processes of a PostgreSQL server; parameters as for ``killPostgres(postmaster:dataDirectory:)``.
    package static func postgres(postmaster: ProcessID = 0, dataDirectory: String) -> [ProcessID] {
        let capacity = 4096
        return [ProcessID](unsafeUninitializedCapacity: capacity) { buffer, count in
            let found = pgm_find_postgres(postmaster, dataDirectory, buffer.baseAddress, Int32(capacity))
            count = min(max(0, Int(found)), capacity)
        }
    }

    /// Gives back the memory of program code that only the start needed (parsing the configuration, linking, first
    /// uses): a quarter of what a manager would hold for good. What is still used comes back by itself.
    package static func releaseStartupText() { _ = cpf_release_program_text() }

    /// This process' resident memory and the anonymous part of it, in bytes; nil when /proc cannot be read.
    package static func ownMemory() -> (resident: UInt64, anonymous: UInt64)? {
        guard let text = try? Files.readText("/proc/self/status") else { return nil }
        func bytes(_ name: String) -> UInt64? {
            let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
            return line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { UInt64($0) }
                .map { $0 << 10 }
        }
        guard let resident = bytes("VmRSS:"), let anonymous = bytes("RssAnon:") else { return nil }
        return (resident, anonymous)
    }
}
