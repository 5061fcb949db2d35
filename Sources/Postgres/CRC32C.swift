import CPages

/// CRC-32C (Castagnoli), as PostgreSQL uses it for pg_control, WAL records and backup manifests.
package enum CRC32C {
    package static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        Array(bytes).withUnsafeBytes { update(0, with: $0) }
    }

    /// - Parameter sum: of what came before; 0 at the start.
    package static func update(_ sum: UInt32, with bytes: UnsafeRawBufferPointer) -> UInt32 {
        pgm_crc32c(sum, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
    }

    /// That of two pieces behind each other, the second one of `count` bytes.
    package static func combine(_ first: UInt32, _ second: UInt32, count: UInt64) -> UInt32 {
        pgm_crc32c_combine(first, second, count)
    }
}
