import CISAL
import Glibc

/// Who does the work behind the gzip format.
package enum GzipEngine: String, Hashable, Sendable, CaseIterable {
    /// Intel's library, optional: four to eight times as fast as zlib's level 1, and two to three times in reading.
    case isal
    case zlib

    /// `zlib` in this environment variable: as if ISA-L were not there.
    package static let variable = "MAHOUT_GZIP"

    /// The fastest that is here. Loads ISA-L when first asked, which PID 1 never does.
    package static let preferred: GzipEngine = {
        if let text = getenv(variable), String(cString: text) == zlib.rawValue { return .zlib }
        return isal.isAvailable ? .isal : .zlib
    }()

    /// Whether it is here: built in, and found.
    package var isAvailable: Bool { self == .zlib || pgm_isal_load() }
}
