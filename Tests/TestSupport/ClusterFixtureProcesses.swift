import Glibc
import Platform

/// Processes of a cluster under test, found in /proc by where they work or by a mark in their environment.
///
/// Postgres overwrites its environment with its title, and the guard leaves its directory: neither sign is enough alone.
package enum ClusterProcesses {
    /// A variable that every process of a member inherits; its value is the member's directory.
    package static let mark = "PGM_TEST_MEMBER"

    /// All living processes that belong to a directory of members or of one member.
    package static func belonging(to directory: String) -> [ProcessID] {
        all().filter { process in
            if let place = Processes.workingDirectory(of: process), isInside(place, directory) { return true }
            guard let environment = try? Files.read("/proc/\(process)/environ", limit: 1 << 20) else { return false }
            let entries = environment.split(separator: 0)
            return entries.contains { entry in
                let text = String(decoding: entry, as: UTF8.self)
                return text.hasPrefix(mark + "=") && isInside(String(text.dropFirst(mark.utf8.count + 1)), directory)
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
