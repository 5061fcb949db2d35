import Platform

/// `postmaster.pid`: what the running postmaster, or one that died, says of itself.
package struct PostmasterPIDFile: Hashable, Sendable {
    package var processID: ProcessID
    package var dataDirectory: String
    /// Seconds since 1970 by the wall clock at that time.
    package var startTime: UInt64
    package var port: Int?
    package var socketDirectory: String?
    /// `starting`, `stopping`, `ready` or `standby`; nil when it is not there yet.
    package var status: String?

    /// nil when the text is no such file: a postmaster that is about to write it leaves it empty for a moment.
    package init?(_ text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        // A stand-alone backend writes its number negative.
        guard lines.count >= 3, let number = Int32(lines[0]), number != 0, let start = UInt64(lines[2]) else {
            return nil
        }
        processID = abs(number)
        dataDirectory = lines[1]
        startTime = start
        func line(_ index: Int) -> String? {
            guard index < lines.count else { return nil }
            let trimmed = lines[index].reversed().drop { $0 == " " }.reversed()
            return trimmed.isEmpty ? nil : String(trimmed)
        }
        port = line(3).flatMap { Int($0) }
        socketDirectory = line(4)
        status = line(7)
    }

    /// nil: there is none, or it is not written yet.
    package static func read(dataDirectory: String) -> PostmasterPIDFile? {
        (try? Files.readText(path(dataDirectory), limit: 64 << 10)).flatMap { PostmasterPIDFile($0) }
    }

    /// Whether the postmaster that wrote the file still runs. After a restart of a container its number belongs to
    /// somebody else more often than not: the process must have started when the file says, and work in the directory.
    package func refersToLiveProcess() -> Bool {
        guard let start = Processes.startTime(of: processID), let directory = Processes.workingDirectory(of: processID)
        else { return false }
        return isSame(processStart: start, workingDirectory: directory)
    }

    func isSame(processStart: UInt64, workingDirectory: String) -> Bool {
        let distance = processStart > startTime ? processStart - startTime : startTime - processStart
        return distance <= Self.tolerance && Self.canonical(workingDirectory) == Self.canonical(dataDirectory)
    }

    /// Removes the file of a postmaster that is dead, so that its number cannot keep the next one from starting.
    /// - Returns: whether there was one.
    package static func removeStale(dataDirectory: String) throws(SystemError) -> Bool {
        guard Files.exists(path(dataDirectory)) else { return false }
        if let file = read(dataDirectory: dataDirectory), file.refersToLiveProcess() { return false }
        try Files.remove(path(dataDirectory))
        try Files.syncDirectory(dataDirectory)
        return true
    }

    /// Seconds: both times are rounded, and one is derived from the time of boot.
    private static let tolerance: UInt64 = 3

    private static func path(_ dataDirectory: String) -> String { dataDirectory + "/postmaster.pid" }

    private static func canonical(_ path: String) -> String { (try? Files.canonicalPath(path)) ?? path }
}
