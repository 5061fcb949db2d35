import ClusterModel
import HTTPTransport
import LeaseStores
import Platform
import TestSupport
import Testing

/// Passwords and certificates.
@Suite(.ownThread) struct EtcdAccessTests {
    @Test("with user and password, also after etcd forgot all tokens and after the password was changed")
    func password() throws {
        let world = try World()
        let store = world.store()
        var version = try store.create(record(1))
        #expect(try store.read()?.version == version)

        try world.etcd.kill()
        try world.etcd.start()
        version = try store.replace(record(2), at: version)

        try world.etcd.changePassword(of: "pgmahout", to: "second")
        try world.setPassword("second")
        version = try store.replace(record(3), at: version)
        #expect(try store.read()?.version == version)
    }

    @Test("a wrong password is told with user and file, and needs no restart once it is right")
    func wrongPassword() throws {
        let world = try World()
        try world.setPassword("wrong")
        let store = world.store()
        #expect { try store.read() } throws: { isDenied($0, "'pgmahout'", world.passwordFile, "correct either") }
        #expect { try store.create(record(1)) } throws: { !"\($0)".contains("wrong") && isDenied($0) }
        try world.setPassword("first\n")
        _ = try store.create(record(1))
        try Files.remove(world.passwordFile)
        let another = world.store()
        #expect { try another.read() } throws: { isDenied($0, world.passwordFile) }
    }

    @Test("an etcd that asks for a password while none is configured says so")
    func missingUser() throws {
        let world = try World()
        let store = EtcdLeaseStore(
            EtcdSettings(endpoints: [world.etcd.url], key: EtcdSubject.key), cluster: LeaseStoreConformance.cluster)
        #expect { try store.read() } throws: { isDenied($0, "none is configured") }
        #expect { try store.create(record(1)) } throws: { isDenied($0, "none is configured") }
    }

    @Test("a key that the user may not use is refused with what to grant")
    func permission() throws {
        let world = try World()
        let store = world.store(key: "/elsewhere/record")
        #expect { try store.read() } throws: { isDenied($0, "permission denied", "grant") }
    }

    @Test("a user is no obstacle where etcd asks for none")
    func authenticationIsOff() throws {
        let world = try World(asks: false)
        let store = world.store()
        let version = try store.create(record(1))
        #expect(try store.read()?.version == version)
    }

    @Test("a watch goes on with another token")
    func watch() async throws {
        let world = try World()
        let (store, other) = (world.store(), world.store())
        var version = try store.create(record(1))
        let changes = try Mailbox<Void>(capacity: 100)
        let watch = try store.watch { changes.post(()) }
        try await eventually("the first hint") { !changes.drain().isEmpty }
        try world.etcd.kill()
        try world.etcd.start()
        try await eventually("a hint by a new connection") { !changes.drain().isEmpty }
        _ = Poll.wait([], until: BootClock.now() + .milliseconds(200))
        _ = changes.drain()
        version = try other.replace(record(2), at: version)
        try await eventually("a hint of a change") { !changes.drain().isEmpty }
        watch.stop()
    }

    @Test("over TLS with a client certificate, and not without, nor to an etcd that is not trusted")
    func certificates() async throws {
        let authority = try await TestCertificates()
        let tls = EtcdFixture.TLS(
            identity: try await authority.issue("etcd"), authority: authority.authority,
            client: try await authority.issue("client", for: []))
        let etcd = try EtcdFixture(tls: tls)
        let own = HTTPTLS(
            caFile: authority.authority, certificateFile: tls.client.certificate, keyFile: tls.client.key)
        func store(_ tls: HTTPTLS) -> EtcdLeaseStore {
            EtcdLeaseStore(
                EtcdSettings(endpoints: etcd.urls, key: EtcdSubject.key, tls: tls, callTimeout: .seconds(5)),
                cluster: LeaseStoreConformance.cluster)
        }
        let member = store(own)
        let version = try member.create(record(1))
        #expect(try member.replace(record(2), at: version) != version)
        let changes = try Mailbox<Void>(capacity: 100)
        let watch = try member.watch { changes.post(()) }
        try await eventually("a hint over TLS") { !changes.drain().isEmpty }
        watch.stop()

        var anonymous = own
        anonymous.certificateFile = nil
        anonymous.keyFile = nil
        #expect { try store(anonymous).read() } throws: { isUnavailable($0, "certificate") }
        let stranger = try await TestCertificates()
        #expect {
            try store(HTTPTLS(caFile: stranger.authority)).create(record(9))
        } throws: {
            isUnavailable($0, stranger.authority)
        }
    }

    /// An etcd that asks for passwords, and the file with one.
    private final class World: Sendable {
        let etcd: EtcdFixture
        private let directory: TemporaryDirectory
        var passwordFile: String { directory.file("password") }

        init(asks: Bool = true) throws {
            etcd = try EtcdFixture()
            directory = try TemporaryDirectory()
            try setPassword("first")
            if asks { try etcd.requirePasswords(user: "pgmahout", password: "first", prefix: "/pgmahout/") }
        }

        func setPassword(_ password: String) throws { try Files.writeDurably(password.utf8, to: passwordFile) }

        func store(key: String = EtcdSubject.key) -> EtcdLeaseStore {
            EtcdLeaseStore(
                EtcdSettings(
                    endpoints: [etcd.url], key: key, user: "pgmahout", passwordFile: passwordFile,
                    callTimeout: .seconds(5)),
                cluster: LeaseStoreConformance.cluster)
        }
    }
}

private func record(_ term: UInt64) -> ClusterRecord { LeaseStoreConformance.record(term: term) }

private func isUnavailable(_ error: any Error, _ words: String...) -> Bool {
    guard case LeaseStoreError.unavailable(let reason) = error else { return false }
    return words.allSatisfy(reason.contains)
}

private func isDenied(_ error: any Error, _ words: String...) -> Bool {
    guard case LeaseStoreError.denied(let reason) = error else { return false }
    return words.allSatisfy(reason.contains)
}
