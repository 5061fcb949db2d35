import Platform
import Synchronization

/// The token of a service account, as its file has it just now. Kubernetes' tokens live for an hour and are replaced
/// in the file long before they end: it is read for every call. It lies in memory, and a time stamp could mislead.
final class ServiceAccountToken: Sendable {
    private let path: String?
    private let last = Mutex<String?>(nil)

    init(path: String?) { self.path = path }

    /// nil when none is to be sent. A file that cannot be read for a moment leaves the last token in use.
    func current() throws(KubernetesError) -> String? {
        guard let path else { return nil }
        let found: String
        do throws(SystemError) { found = try Files.readText(path, limit: 64 << 10) } catch {
            if let known = last.withLock({ $0 }) { return known }
            throw .configuration("the token of the service account: \(error)")
        }
        let token = String(found.filter { !$0.isWhitespace })
        guard !token.isEmpty, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            if let known = last.withLock({ $0 }) { return known }
            throw .configuration("the token of the service account: '\(path)' has no token in it")
        }
        last.withLock { $0 = token }
        return token
    }
}
