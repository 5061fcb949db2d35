import Configuration
import Testing

struct ReferenceTests {
    @Test("the reference is a file that loads and says the defaults")
    func loads() throws {
        #expect(try load(ConfigurationReference.text) == (try load(minimal())))
    }

    @Test("every commented line of a key can be made active, and the file still loads")
    func examples() throws {
        // A commented key is `# name: value` after some indentation; comments are sentences and have no colon so early.
        let keys = /^(\s*)# ((?:  )?[a-zA-Z]+:(?: .*)?)$/
        var active: [String] = []
        for line in ConfigurationReference.text.split(separator: "\n", omittingEmptySubsequences: false) {
            if let match = line.wholeMatch(of: keys), !match.2.hasPrefix("Allowed:"), !match.2.hasPrefix("Default:") {
                active.append(String(match.1 + match.2))
            } else {
                active.append(String(line))
            }
        }
        let configuration = try load(active.joined(separator: "\n"))
        #expect(configuration.archive?.directory == "/backup")
        #expect(configuration.postgres.parameters == ["shared_buffers": "64MB"])
        #expect(configuration.postgres.hba.count == 1)
        #expect(configuration.http.tokenFile == "/secrets/token")
        #expect(configuration.bootstrap.initdb.options == ["--lc-messages=C"])
    }

    @Test("every key stands there with the variable that sets it")
    func variables() {
        let words = Set(ConfigurationReference.text.split { " ;\n".contains($0) })
        #expect(
            words.isSuperset(of: [
                "PGMAHOUT_CLUSTER", "PGMAHOUT_LEASE_CLOCK_RATE_ERROR", "PGMAHOUT_BOOTSTRAP_INITDB_DATA_CHECKSUMS",
            ]))
    }
}
