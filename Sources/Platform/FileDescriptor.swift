import CPlatform
import Glibc

/// An open descriptor with one owner: closed when that goes away.
package struct FileDescriptor: ~Copyable, Sendable {
    package let rawValue: Int32

    package init(owning rawValue: Int32) { self.rawValue = rawValue }

    /// Opens `path`, close-on-exec.
    /// - Parameter mode: permissions of a file that is made, before the umask.
    package init(opening path: String, _ flags: Int32, mode: mode_t = 0o600) throws(SystemError) {
        rawValue = try retrying("open", path: path) { open(path, flags | O_CLOEXEC, mode) }
    }

    deinit { _ = Glibc.close(rawValue) }

    /// Up to `limit` bytes; empty at the end of the file.
    package func read(upTo limit: Int) throws(SystemError) -> [UInt8] {
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            do throws(SystemError) {
                count = try retrying("read") { Glibc.read(rawValue, buffer.baseAddress, limit) }
            } catch {
                count = 0
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Writes all of `bytes`; on a non-blocking descriptor that is full it throws `wouldBlock`, part being written.
    package func write(_ bytes: some Sequence<UInt8>) throws(SystemError) {
        var failure: SystemError?
        let written: Void? = bytes.withContiguousStorageIfAvailable { buffer in
            do throws(SystemError) { try writeAll(UnsafeRawBufferPointer(buffer)) } catch { failure = error }
        }
        if written == nil { return try write(Array(bytes)) }
        if let failure { throw failure }
    }

    private func writeAll(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest)
            let count = try retrying("write") { Glibc.write(rawValue, part.baseAddress, part.count) }
            rest = rest.dropFirst(count)
        }
    }

    /// Blocks for a file of `bytes` zeros, without writing them. False where the file system cannot do that.
    package func reserve(_ bytes: UInt64) -> Bool { cpf_reserve(rawValue, Int(bytes)) == 0 }

    package func fsync() throws(SystemError) {
        try retrying("fsync") { Glibc.fsync(rawValue) }
    }

    /// Closes and reports what only closing tells: NFS and quotas may refuse delayed writes here.
    package consuming func close() throws(SystemError) {
        let descriptor = release()
        // Never again after EINTR: the descriptor is gone then, and its number may be another file's.
        if Glibc.close(descriptor) != 0, errno != EINTR { throw SystemError("close") }
    }

    /// Hands the descriptor to another owner, who has to close it.
    package consuming func release() -> Int32 {
        let descriptor = rawValue
        discard self
        return descriptor
    }
}
