import CPlatform
import Glibc

/// Tells which names of a directory appeared, changed or vanished. A hint only: look at the directory itself, and
/// now and then without a hint, because network file systems tell nothing of what other machines do.
package final class FileWatch: Sendable {
    private let file: FileDescriptor

    /// The directory must exist; when it is removed or replaced, the watch falls silent.
    package init(directory: String) throws(SystemError) {
        file = FileDescriptor(owning: try retrying("watch", path: directory) { cpf_watch_directory(directory) })
    }

    /// Readable when something changed.
    package var descriptor: Int32 { file.rawValue }

    /// The names that changed since the last call; nil when events were lost, and anything may have changed.
    /// Never waits.
    package func drain() -> Set<String>? {
        var names: Set<String> = []
        var lost = false
        for _ in 0..<Self.readsAtOnce {
            guard let bytes = try? file.read(upTo: 16 << 10), !bytes.isEmpty else { break }
            bytes.withUnsafeBytes { buffer in
                var rest = buffer[...]
                while rest.count >= Self.headerSize {
                    let event = UnsafeRawBufferPointer(rebasing: rest)
                    let mask = event.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
                    let length = Int(event.loadUnaligned(fromByteOffset: 12, as: UInt32.self))
                    if cpf_watch_overflowed(mask) != 0 { lost = true }
                    let name = event.dropFirst(Self.headerSize).prefix(length).prefix { $0 != 0 }
                    if !name.isEmpty { names.insert(String(decoding: name, as: UTF8.self)) }
                    rest = rest.dropFirst(Self.headerSize + length)
                }
            }
        }
        return lost ? nil : names
    }

    /// struct inotify_event without its name.
    private static let headerSize = 16
    private static let readsAtOnce = 64
}
