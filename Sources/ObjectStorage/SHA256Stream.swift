import CCrypto

/// SHA-256 of what comes in pieces.
package final class SHA256Stream {
    private let context: OpaquePointer

    package init() throws(ObjectStoreError) {
        guard let context = EVP_MD_CTX_new() else {
            throw ObjectStoreError(.unavailable, "libcrypto does not compute SHA-256")
        }
        self.context = context
        guard EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
            throw ObjectStoreError(.unavailable, "libcrypto does not compute SHA-256")
        }
    }

    deinit { EVP_MD_CTX_free(context) }

    package func add(_ bytes: RawSpan) {
        _ = bytes.withUnsafeBytes { EVP_DigestUpdate(context, $0.baseAddress, $0.count) }
    }

    /// In hexadecimal digits; ends the stream.
    package func finish() -> String {
        var sum = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var size: UInt32 = 0
        EVP_DigestFinal_ex(context, &sum, &size)
        return ByteText.hex(Array(sum.prefix(Int(size))))
    }
}
