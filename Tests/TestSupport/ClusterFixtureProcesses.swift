import Glibc
import Platform

/// Processes of a cluster under test, found in /proc by where they work or where their standard error goes.
///
/// Postgres works in its data directory, and the guard, which works nowhere and has no environment, writes to the log:
/// neither sign is enough alone.
package enum ClusterProcesses {
    /// All living processes that belong to a directory of members or of one member.
    package static func belonging(to directory: String) -> [ProcessID] {
        all().filter { process in
            ["cwd", "fd/2"].contains { link in
                (try? Files.linkTarget("/proc/\(process)/\(link)")).map { isInside($0, directory) } ?? false
            }
        }
    }

    /// Kills all that belongs to the directory; returns once none of it is left, or after 5 seconds.
    package static func killAll(in directory: String, except: Set<ProcessID> = []) {
        for _ in 0..<250 {
            let found = belonging(to: directory).filter { !except.contains($0) }
            if found.isEmpty { return }
            for process in found { Processes.signal(process, SIGKILL) }
            usleep(20_000)
        }
    }

    /// Arguments joined by blanks; a server process shows what it does here. Empty for one that has ended.
    package static func title(of process: ProcessID) -> String {
        guard let bytes = try? Files.read("/proc/\(process)/cmdline") else { return "" }
        return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
    }

    /// As /proc/PID/stat has it: `T` is stopped, `Z` has ended and was not waited for; nil when there is none.
    package static func state(of process: ProcessID) -> Character? {
        guard let text = try? Files.readText("/proc/\(process)/stat"), let close = text.lastIndex(of: ")") else {
            return nil
        }
        return text[text.index(after: close)...].first { $0 != " " }
    }

    package static func parent(of process: ProcessID) -> ProcessID? {
        guard let text = try? Files.readText("/proc/\(process)/stat"), let close = text.lastIndex(of: ")") else {
            return nil
        }
        let fields = text[text.index(after: close)...].split(separator: " ")
        return fields.count > 1 ? ProcessID(fields[1]) : nil
    }

    private static func all() -> [ProcessID] {
        ((try? Files.list("/proc")) ?? []).compactMap { ProcessID($0) }.filter { $0 != getpid() }
    }

    private static func isInside(_ path: String, _ directory: String) -> Bool {
        path == directory || path.hasPrefix(directory + "/")
    }
}
