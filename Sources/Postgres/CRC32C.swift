/// CRC-32C (Castagnoli), as PostgreSQL uses it for pg_control and WAL records.
enum CRC32C {
    /// Bit by bit: 300 bytes at a time need no table.
    static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        var value: UInt32 = 0xFFFF_FFFF
        for byte in bytes {
            value ^= UInt32(byte)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
        }
        return ~value
    }
}
