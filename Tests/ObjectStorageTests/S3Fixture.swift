import ObjectStorage
import TestSupport

/// A bucket of a test, and stores in it.
struct S3Fixture: Sendable {
    let bucket: SignatureProxy.Bucket

    init(region: String = "us-east-1") throws { bucket = try SignatureProxy.shared().bucket(region: region) }

    /// Patient enough for faults that pass, and not patient where they do not.
    var settings: S3Settings {
        var settings = S3Settings(
            bucket: bucket.name, prefix: "some place/ö",
            credentials: .fixed(
                S3Credentials(
                    accessKeyID: SignatureProxy.accessKeyID, secretAccessKey: SignatureProxy.secretAccessKey)))
        settings.endpoint = bucket.proxy.url
        settings.retryPause = .milliseconds(2)
        settings.partSize = 5 << 20
        return settings
    }

    func store(_ change: (inout S3Settings) -> Void = { _ in }) throws -> S3Store {
        var settings = settings
        change(&settings)
        return try S3Store(settings)
    }

    /// Bytes of which no two pieces are the same.
    static func content(_ count: Int) -> [UInt8] {
        var content: [UInt8] = []
        content.reserveCapacity(count + block.count)
        var number = 0
        while content.count < count {
            content += [UInt8(number & 255), UInt8(number >> 8 & 255)] + block
            number += 1
        }
        return Array(content.prefix(count))
    }

    private static let block = (0..<32_000).map { UInt8(truncatingIfNeeded: $0 &* 0x9E37 &>> 5) }

    static func kind(_ error: any Error) -> ObjectStoreError.Kind? { (error as? ObjectStoreError)?.kind }
}
