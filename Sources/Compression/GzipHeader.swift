/// Finds the end of a gzip member's header, which may come in any pieces. ISA-L's own parser stumbles over headers that
/// are cut, and over fields that are rare.
struct GzipHeader {
    private enum Field {
        case fixed
        /// Bytes left of the extra field's length.
        case extraLength(Int)
        /// Bytes left.
        case extra(Int)
        /// Text that ends with a zero.
        case name, comment
        case sum(Int)
        case ended
    }

    private var field = Field.fixed
    private var position = 0
    private var flags: UInt8 = 0
    private var extraLength = 0

    /// Whether the whole header has been taken.
    var isComplete: Bool { if case .ended = field { true } else { false } }

    /// - Returns: how many of `bytes` belong to the header.
    mutating func take(_ bytes: UnsafeRawBufferPointer) throws(CompressionError) -> Int {
        for (index, byte) in bytes.enumerated() {
            if isComplete { return index }
            try take(byte)
        }
        return bytes.count
    }

    private mutating func take(_ byte: UInt8) throws(CompressionError) {
        switch field {
        case .fixed:
            switch position {
            case 0: try require(byte == 0x1F, "incorrect header check")
            case 1: try require(byte == 0x8B, "incorrect header check")
            case 2: try require(byte == 8, "unknown compression method")
            case 3:
                try require(byte & 0xE0 == 0, "unknown header flags set")
                flags = byte
            default: break
            }
            position += 1
            if position == 10 { enter(after: 0) }
        case .extraLength(let left):
            extraLength |= Int(byte) << (left == 2 ? 0 : 8)
            if left == 2 { field = .extraLength(1) } else { enterExtra() }
        case .extra(let left): if left == 1 { enter(after: 4) } else { field = .extra(left - 1) }
        case .name: if byte == 0 { enter(after: 8) }
        case .comment: if byte == 0 { enter(after: 16) }
        case .sum(let left): if left == 1 { field = .ended } else { field = .sum(1) }
        case .ended: break
        }
    }

    /// Fields come in the order of these flags, and the header's own checksum after them.
    private mutating func enter(after flag: UInt8) {
        if flag < 4, flags & 4 != 0 {
            field = .extraLength(2)
        } else if flag < 8, flags & 8 != 0 {
            field = .name
        } else if flag < 16, flags & 16 != 0 {
            field = .comment
        } else {
            field = flags & 2 != 0 ? .sum(2) : .ended
        }
    }

    private mutating func enterExtra() {
        if extraLength == 0 { enter(after: 4) } else { field = .extra(extraLength) }
    }

    private func require(_ condition: Bool, _ reason: String) throws(CompressionError) {
        if !condition { throw .corrupt(reason) }
    }
}
