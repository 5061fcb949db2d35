import CPlatform

/// An unnamed pipe, both ends close-on-exec.
package struct Pipe: ~Copyable, Sendable {
    package let read: FileDescriptor
    package let write: FileDescriptor

    package init() throws(SystemError) {
        let ends = try Pipe.makePipe()
        read = FileDescriptor(owning: ends.read)
        write = FileDescriptor(owning: ends.write)
    }

    /// For ends that go separate ways: the caller owns both.
    package static func makePipe() throws(SystemError) -> (read: Int32, write: Int32) {
        var ends: (Int32, Int32) = (-1, -1)
        let result = withUnsafeMutableBytes(of: &ends) { bytes in
            bytes.withMemoryRebound(to: Int32.self) { cpf_pipe($0.baseAddress) }
        }
        guard result == 0 else { throw SystemError("make a pipe") }
        return (read: ends.0, write: ends.1)
    }
}
