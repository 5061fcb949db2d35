import Glibc
import Platform
import TestSupport

/// A tree of processes that looks like a server: a parent named postgres in its data directory, with a child in a
/// session of its own. All of it is killed when the value goes away.
final class FakePostgres: Sendable {
    let dataDirectory: String
    let postmaster: TestChild
    private let directory: TemporaryDirectory

    init(_ directory: TemporaryDirectory, data: String = "data") throws {
        self.directory = directory
        dataDirectory = try directory.directory(data)
        let program = directory.file("postgres")
        if !Files.exists(program) {
            let file = try FileDescriptor(opening: program, O_WRONLY | O_CREAT | O_EXCL, mode: 0o755)
            try file.write(try Files.read("/bin/sh"))
            try file.close()
        }
        let backend = "setsid \(program) -c 'read line < \(directory.file("never-\(data)"))'"
        try Files.makeFIFO(directory.file("never-\(data)"))
        var command = Command(program, ["-c", "\(backend) & wait"])
        command.workingDirectory = dataDirectory
        postmaster = try TestChild(command)
    }

    deinit { Processes.killPostgres(postmaster: 0, dataDirectory: dataDirectory) }

    var processes: Set<ProcessID> { Set(Processes.postgres(dataDirectory: dataDirectory)) }

    /// Waits until the backend is there, in its own session.
    func started() async throws {
        try await eventually("the backend is there") {
            processes.contains { $0 != postmaster.process && getsid($0) == $0 } && processes.count == 2
        }
    }

    func ended(within limit: Duration = .seconds(10)) async throws {
        try await eventually("no process of the server is left", within: limit, every: .milliseconds(2)) {
            processes.isEmpty
        }
    }
}
