import CCrypto

/// Hash sums by libcrypto.
package enum Digests {
    package static func sha256Hex(_ bytes: [UInt8]) throws(ObjectStoreError) -> String {
        ByteText.hex(try sha256(bytes))
    }

    package static func sha256(_ bytes: [UInt8]) throws(ObjectStoreError) -> [UInt8] {
        guard let sum = sum(EVP_sha256(), of: bytes) else {
            throw ObjectStoreError(.unavailable, "libcrypto does not compute SHA-256")
        }
        return sum
    }

    /// nil where the system forbids MD5.
    static func md5(_ bytes: [UInt8]) -> [UInt8]? { sum(EVP_md5(), of: bytes) }

    static func hmacSHA256(_ text: String, key: [UInt8]) throws(ObjectStoreError) -> [UInt8] {
        let text = Array(text.utf8)
        var sum = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var size: UInt32 = 0
        guard HMAC(EVP_sha256(), key, Int32(clamping: key.count), text, text.count, &sum, &size) != nil else {
            throw ObjectStoreError(.unavailable, "libcrypto does not compute HMAC-SHA-256")
        }
        return Array(sum.prefix(Int(size)))
    }

    private static func sum(_ kind: OpaquePointer?, of bytes: [UInt8]) -> [UInt8]? {
        var sum = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var size: UInt32 = 0
        guard let kind, EVP_Digest(bytes, bytes.count, &sum, &size, kind, nil) == 1 else { return nil }
        return Array(sum.prefix(Int(size)))
    }
}

/// Bytes as text.
package enum ByteText {
    private static let digits = Array("0123456789abcdef".utf8)
    private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    package static func hex(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// RFC 4648, with padding.
    static func base64(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start...].prefix(3)
            let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for index in 0..<4 {
                text.append(index <= group.count ? letters[bits >> (18 - 6 * index) & 63] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
