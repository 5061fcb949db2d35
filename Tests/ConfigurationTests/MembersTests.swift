import ClusterModel
import Configuration
import Testing

struct MembersTests {
    @Test("a member without traits is like every other, and commits wait for nobody")
    func defaults() throws {
        let configuration = try load(minimal())
        #expect(configuration.traits == MemberTraits())
        #expect(configuration.synchronous.mode == .off && configuration.synchronous.count == 1)
        #expect(configuration.lease.quorumTakeOverAfter == .milliseconds(1800))
        #expect(configuration.peers.secretFile == nil)
        #expect(configuration.ballast.size == 64 << 20 && configuration.divergedWAL.keep == 3)
        #expect(configuration.slots.permanent.isEmpty)
        #expect(configuration.failover.unresponsiveBudget == .seconds(10))
    }

    @Test("traits come from the file, and from the environment where members share the file")
    func traits() throws {
        let configuration = try load(
            minimal("traits: {failoverPriority: 5, noLoadBalance: true, applyDelay: 15m}"),
            environment: [
                "PGMAHOUT_TRAITS_ZONE": "eu-1a", "PGMAHOUT_TRAITS_NO_FAILOVER": "true",
                "PGMAHOUT_TRAITS_NO_SYNC": "true", "PGMAHOUT_TRAITS_REPLICATE_FROM": "pg-2",
                "PGMAHOUT_TRAITS_FAILOVER_PRIORITY": "7",
            ])
        #expect(
            configuration.traits
                == MemberTraits(
                    failoverPriority: 7, noFailover: true, noLoadBalance: true, noSync: true, zone: "eu-1a",
                    replicateFrom: "pg-2", applyDelayMilliseconds: 900_000))
    }

    @Test("nobody streams from itself")
    func itself() {
        #expect(mistakes(minimal("traits: {replicateFrom: pg-1}")).map(\.key) == ["traits.replicateFrom"])
    }

    @Test("modes that lose nothing need votes, and so the secret", arguments: SynchronousMode.allCases)
    func secret(mode: SynchronousMode) throws {
        let text = minimal("synchronous: {mode: \(mode.rawValue)}")
        #expect(mistakes(text).map(\.key) == (mode.isLossless ? ["peers.secretFile"] : []))
        #expect(try load(text + "\npeers: {secretFile: /s}").synchronous.mode == mode)
    }

    @Test("a take-over by votes waits longer than a renewal may take, where there are votes")
    func quorumTakeOver() throws {
        func found(_ span: String, mode: String = "quorum") -> [String] {
            let text = minimal("synchronous: {mode: \(mode)}\npeers: {secretFile: /s}")
            return mistakes(text.replacing("lease: {", with: "lease: {quorumTakeOverAfter: \(span), ")).map(\.key)
        }
        #expect(found("1499ms") == ["lease.quorumTakeOverAfter"])
        #expect(found("1499ms", mode: "strict") == ["lease.quorumTakeOverAfter"])
        #expect(found("1499ms", mode: "preferred").isEmpty)
        #expect(found("1500ms").isEmpty)
        #expect(found("never") == ["lease.quorumTakeOverAfter"])
        #expect(found("off").isEmpty)
        let text = minimal().replacing("lease: {", with: "lease: {quorumTakeOverAfter: off, ")
        #expect(try load(text).lease.quorumTakeOverAfter == nil)
    }

    @Test(
        "names of slots are PostgreSQL's, none of a member's, and each stands once",
        arguments: [
            ("[Backup]", "slots.permanent[0]"), ("[a, pgmahout_pg_2]", "slots.permanent[1]"),
            ("[a, b, a]", "slots.permanent[2]"), ("backup", "slots.permanent"),
        ])
    func slots(list: String, key: String) {
        #expect(mistakes(minimal("slots: {permanent: \(list)}")).map(\.key) == [key])
    }

    @Test("a secret of the members may have several lines while it is changed, none of them empty")
    func secretLines() {
        func found(_ content: String) -> [String] {
            let files = ConfigurationFiles(
                read: { _, _ throws(ConfigurationFiles.Problem) in Array(content.utf8) }, isExecutable: { _ in true })
            return mistakes(minimal("peers: {secretFile: /s}"), files: files).map(\.key)
        }
        #expect(found("one").isEmpty)
        #expect(found("new\nold\n").isEmpty)
        #expect(found("new\r\nold\r\n").isEmpty)
        #expect(found("a\n\nb") == ["peers.secretFile"])
        #expect(found("a\nb\nc\nd\ne") == ["peers.secretFile"])
        #expect(found("\n") == ["peers.secretFile"])
    }
}
