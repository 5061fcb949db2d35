import CPlatform
import Glibc

/// A command as posix_spawn wants it. Made outside the registry's lock, used once within it.
struct SpawnPlan: ~Copyable {
    private let path: String
    private let arguments: CStringArray
    private let environment: CStringArray
    private let workingDirectory: String?
    /// Copies for descriptors 0, 1 and 2, above those three, so that installing one never overwrites another.
    private let sources: Sources

    init(_ command: Command) throws(SystemError) {
        path = command.path
        arguments = CStringArray([command.path] + command.arguments)
        environment = CStringArray(command.environment.map { "\($0.key)=\($0.value)" })
        workingDirectory = command.workingDirectory
        sources = Sources(
            input: try Self.source(command.input, 0), output: try Self.source(command.output, 1),
            error: try Self.source(command.error, 2))
    }

    func spawn() throws(SystemError) -> ProcessID {
        var process = ProcessID()
        let code = cpf_spawn(
            &process, path, arguments.pointers, environment.pointers, workingDirectory, sources.input.rawValue,
            sources.output.rawValue, sources.error.rawValue)
        guard code == 0 else { throw SystemError("spawn", path: path, code: code) }
        return process
    }

    private static func source(_ stream: Command.Stream, _ standard: Int32) throws(SystemError) -> FileDescriptor {
        switch stream {
        case .null: try FileDescriptor(opening: "/dev/null", O_RDWR).above(standard: 2)
        case .inherit: try duplicate(standard)
        case .descriptor(let descriptor): try duplicate(descriptor)
        }
    }

    private static func duplicate(_ descriptor: Int32) throws(SystemError) -> FileDescriptor {
        FileDescriptor(owning: try retrying("duplicate a descriptor") { fcntl(descriptor, F_DUPFD_CLOEXEC, 3) })
    }

    private struct Sources: ~Copyable {
        let input: FileDescriptor
        let output: FileDescriptor
        let error: FileDescriptor
    }
}

extension FileDescriptor {
    /// This descriptor under a number greater than `standard`.
    fileprivate consuming func above(standard: Int32) throws(SystemError) -> FileDescriptor {
        if rawValue > standard { return self }
        let descriptor = rawValue
        return FileDescriptor(
            owning: try retrying("duplicate a descriptor") { fcntl(descriptor, F_DUPFD_CLOEXEC, standard + 1) })
    }
}

/// A NULL-terminated array of C strings.
private struct CStringArray: ~Copyable {
    let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    init(_ strings: [String]) {
        count = strings.count
        pointers = .allocate(capacity: count + 1)
        for (index, string) in strings.enumerated() { (pointers + index).initialize(to: strdup(string)) }
        (pointers + count).initialize(to: nil)
    }

    deinit {
        for index in 0..<count { free(pointers[index]) }
        pointers.deallocate()
    }
}
