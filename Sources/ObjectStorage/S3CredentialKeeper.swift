import ClusterModel
import Platform
import Synchronization

/// The credentials in use, renewed in time.
final class S3CredentialKeeper: Sendable {
    private struct State {
        var current: S3Credentials?
        /// When they were fetched from a service; nil: never.
        var fetched: Instant?
        /// When a service was asked last, in vain or not.
        var asked: Instant?
        var isFetching = false
    }

    private let source: S3CredentialSource
    private let services: S3CredentialServices
    private let pause: Duration
    private let state = Mutex(State())
    /// One thread asks a service, the others wait for what it gets.
    private let fetching = Mutex(())

    /// - Parameter pause: between two questions, as long as there is something to go on with.
    init(_ source: S3CredentialSource, _ services: S3CredentialServices, pause: Duration = .seconds(10)) {
        self.source = source
        self.services = services
        self.pause = pause
    }

    /// - Parameters:
    ///   - moment: by the clock of the store, as far as it is known.
    ///   - region: whose STS is asked.
    func current(at moment: S3Moment, region: String) throws(ObjectStoreError) -> S3Credentials {
        if let atHand = try readLocally() { return atHand }
        let (held, shouldRenew) = state.withLock { state in
            let isFresh = state.current.map { Self.isFresh($0, fetched: state.fetched, at: moment) } ?? false
            return (state.current, !isFresh && !state.isFetching && !isRecent(state.asked))
        }
        let isValid = held.map { $0.expiration.map { $0 > moment } ?? true } ?? false
        if let held, isValid, !shouldRenew { return held }
        do throws(ObjectStoreError) { return try fetch(insteadOf: held, region: region) } catch {
            // They are good until they expire, whatever a renewal ahead of time comes to.
            if let held, isValid { return held }
            throw error
        }
    }

    /// Looks for other credentials than those that the store has refused; false when there are none.
    func replace(_ refused: S3Credentials, region: String) throws(ObjectStoreError) -> Bool {
        if let atHand = try readLocally() { return atHand != refused }
        let (current, fetched) = state.withLock { ($0.current, $0.fetched) }
        if let current, current != refused { return true }
        // An AccessDenied that is about permissions must not send everybody to the service again and again.
        if isRecent(fetched) { return false }
        return try fetch(insteadOf: refused, region: region) != refused
    }

    /// nil: a service has them.
    private func readLocally() throws(ObjectStoreError) -> S3Credentials? {
        switch source {
        case .fixed(let credentials): credentials
        case .files(let accessKeyID, let secretAccessKey, let sessionToken):
            try .read(accessKeyID: accessKeyID, secretAccessKey: secretAccessKey, sessionToken: sessionToken)
        case .sharedFile(let path, let profile): try .read(sharedFile: path, profile: profile)
        case .webIdentity, .container, .instance: nil
        }
    }

    private func fetch(insteadOf old: S3Credentials?, region: String) throws(ObjectStoreError) -> S3Credentials {
        state.withLock { $0.isFetching = true }
        return try fetching.withLock { _ throws(ObjectStoreError) in
            defer { state.withLock { $0.isFetching = false } }
            // Somebody else may have been faster.
            if let current = state.withLock({ $0.current }), current != old { return current }
            state.withLock { $0.asked = BootClock.now() }
            let credentials: S3Credentials? =
                switch source {
                case .fixed, .files, .sharedFile: nil
                case .webIdentity(let identity): try services.assume(identity, region: region)
                case .container(let url, let file, let token):
                    try services.fromContainer(url: url, tokenFile: file, token: token)
                case .instance(let endpoint): try services.fromInstance(endpoint: endpoint)
                }
            guard let credentials else { throw ObjectStoreError(.denied, "no service has credentials for S3") }
            state.withLock { state in
                state.current = credentials
                state.fetched = BootClock.now()
            }
            return credentials
        }
    }

    private static func isFresh(_ credentials: S3Credentials, fetched: Instant?, at moment: S3Moment) -> Bool {
        if let expiration = credentials.expiration { return expiration.seconds - moment.seconds > renewAhead }
        return fetched.map { BootClock.now().since($0) < .seconds(renewAhead) } ?? false
    }

    private func isRecent(_ moment: Instant?) -> Bool {
        moment.map { BootClock.now().since($0) < pause } ?? false
    }

    /// Seconds before the end.
    private static let renewAhead: Int64 = 300
}
