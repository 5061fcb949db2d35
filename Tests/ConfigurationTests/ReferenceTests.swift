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
        let configuration = try load(
            Self.without(sections: ["file", "etcd", "kubernetes", "s3"], but: store, in: text))
        #expect(configuration.lease.store.rawValue == store)
        #expect(configuration.archive?.place.directory == "/backup")
        #expect(configuration.postgres.parameters == ["shared_buffers": "64MB"])
        #expect(configuration.postgres.hba.count == 1)
        #expect(configuration.http.tokenFile == "/secrets/token")
        #expect(configuration.bootstrap.initdb.options == ["--lc-messages=C"])
        let recovery = try #require(configuration.bootstrap.recovery)
        #expect(recovery.place.directory == "/backup" && recovery.server == "old" && recovery.timeline == "latest")
        #expect(recovery.tablespaces == ["fast=/fast/pg"])
        #expect(configuration.traits.zone == "eu-1a")
        #expect(configuration.slots.permanent == ["backup_tool"])
        switch store {
        case "etcd": #expect(configuration.lease.etcd.endpoints == ["https://10.0.0.1:2379"])
        case "kubernetes": #expect(configuration.lease.kubernetes.url == "https://10.96.0.1:443")
        default: #expect(configuration.lease.file.path == "/shared/demo.lease")
        }
    }

    @Test("a bucket takes the place of the directory, with each kind of credentials", arguments: 0..<3)
    func bucket(kind: Int) throws {
        let kinds =
            [["accessKeyIDFile", "secretAccessKeyFile", "sessionTokenFile"], ["credentialsFile"]]
            + [["roleARN", "webIdentityTokenFile", "stsEndpoint"]]
        let others = kinds.indices.filter { $0 != kind }.flatMap { kinds[$0] }
        let text = Self.without(sections: ["etcd", "kubernetes", "recovery"], but: "file", in: active)
            .replacing("encryption: none", with: "encryption: aws:kms").split(separator: "\n")
            .filter { line in !(["directory"] + others).contains { line.hasPrefix("    \($0):") } }
            .filter { !$0.hasPrefix("  directory:") }.joined(separator: "\n")
        let place = try #require(try load(text).archive?.place)
        let s3 = try #require(place.s3)
        #expect(place.directory == nil)
        #expect(s3.bucket == "backups")
        #expect(s3.prefix == "databases/east")
        #expect(s3.endpoint == "https://minio.example.com:9000")
        #expect(s3.encryption == .kms)
        #expect(s3.kmsKey == "alias/backups")
        #expect((s3.accessKeyIDFile != nil) == (kind == 0))
        #expect((s3.credentialsFile != nil) == (kind == 1))
        #expect((s3.roleARN != nil) == (kind == 2))
    }

    @Test("with the sections of all stores made active, the file says which are too many")
    func allStores() {
        let keys = mistakes(Self.without(sections: ["s3"], but: "", in: active)).map(\.key)
        #expect(keys == ["lease.etcd", "lease.kubernetes"])
    }

    /// The reference with every key made active: a commented one is `# name: value` after some indentation; comments
    /// are sentences and have no colon so early.
    private var active: String {
        let keys = /^(\s*)# ((?:  )*[a-zA-Z0-9]+:(?: .*)?)$/
        let notes = ["Allowed:", "Default:", "off:", "preferred:", "quorum:", "strict:", "credentialsFile, or"]
        return ConfigurationReference.text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            guard let match = line.wholeMatch(of: keys), !notes.contains(where: match.2.hasPrefix) else {
                return String(line)
            }
            return String(match.1 + match.2)
        }
        // A section of its own that has a place for an archive as well: see StandbyClusterSectionTests.
        .drop(section: "standbyCluster").joined(separator: "\n")
    }

    private static func without(sections: [String], but kept: String, in text: String) -> String {
        var lines: [Substring] = []
        // Indentation of the section that is left out.
        var outer: Int?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let indentation = line.prefix { $0 == " " }.count
            if let left = outer, !line.isEmpty, indentation <= left { outer = nil }
            let name = line.dropFirst(indentation)
            if outer == nil, indentation > 0, sections.contains(where: { name == "\($0):" }), name != "\(kept):" {
                outer = indentation
            }
            if outer == nil { lines.append(line) }
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

extension [String] {
    /// Without a section of the top level.
    fileprivate func drop(section: String) -> [String] {
        var isInside = false
        return filter { line in
            if !line.isEmpty, !line.hasPrefix(" "), !line.hasPrefix("#") { isInside = line == section + ":" }
            return !isInside
        }
    }
}
