import ClusterModel
import Configuration
import Testing

struct ReferenceTests {
    @Test("the reference is a file that loads and says the defaults")
    func loads() throws {
        #expect(try load(ConfigurationReference.text) == (try load(minimal())))
    }

    @Test(
        "every commented line of a key can be made active, with the section of each store, and the file still loads",
        arguments: ["file", "etcd", "kubernetes"])
    func examples(store: String) throws {
        let text = active.replacing("  store: file\n", with: "  store: \(store)\n")
        let configuration = try load(Self.without(stores: ["file", "etcd", "kubernetes"], but: store, in: text))
        #expect(configuration.lease.store.rawValue == store)
        #expect(configuration.archive?.directory == "/backup")
        #expect(configuration.postgres.parameters == ["shared_buffers": "64MB"])
        #expect(configuration.postgres.hba.count == 1)
        #expect(configuration.http.tokenFile == "/secrets/token")
        #expect(configuration.bootstrap.initdb.options == ["--lc-messages=C"])
        #expect(configuration.traits.zone == "eu-1a")
        #expect(configuration.slots.permanent == ["backup_tool"])
        switch store {
        case "etcd": #expect(configuration.lease.etcd.endpoints == ["https://10.0.0.1:2379"])
        case "kubernetes": #expect(configuration.lease.kubernetes.url == "https://10.96.0.1:443")
        default: #expect(configuration.lease.file.path == "/shared/demo.lease")
        }
    }

    @Test("with the sections of all stores made active, the file says which are too many")
    func allStores() {
        #expect(mistakes(active).map(\.key) == ["lease.etcd", "lease.kubernetes"])
    }

    /// The reference with every key made active: a commented one is `# name: value` after some indentation; comments
    /// are sentences and have no colon so early.
    private var active: String {
        let keys = /^(\s*)# ((?:  )?[a-zA-Z]+:(?: .*)?)$/
        let notes = ["Allowed:", "Default:", "off:", "preferred:", "quorum:", "strict:"]
        return ConfigurationReference.text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            guard let match = line.wholeMatch(of: keys), !notes.contains(where: match.2.hasPrefix) else {
                return String(line)
            }
            return String(match.1 + match.2)
        }.joined(separator: "\n")
    }

    private static func without(stores: [String], but kept: String, in text: String) -> String {
        var lines: [Substring] = []
        var isInside = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if stores.contains(where: { line == "  \($0):" }) {
                isInside = line != "  \(kept):"
            } else if !line.isEmpty, !line.hasPrefix("    ") {
                isInside = false
            }
            if !isInside { lines.append(line) }
        }
        return lines.joined(separator: "\n")
    }

    @Test("every key stands there with the variable that sets it")
    func variables() {
        let words = Set(ConfigurationReference.text.split { " ;\n".contains($0) })
        #expect(
            words.isSuperset(of: [
                "PGMAHOUT_CLUSTER", "PGMAHOUT_LEASE_CLOCK_RATE_ERROR", "PGMAHOUT_BOOTSTRAP_INITDB_DATA_CHECKSUMS",
                "PGMAHOUT_DIVERGED_WAL_KEEP", "PGMAHOUT_TRAITS_NO_FAILOVER", "PGMAHOUT_LEASE_KUBERNETES_CA_FILE",
            ]))
    }
}
