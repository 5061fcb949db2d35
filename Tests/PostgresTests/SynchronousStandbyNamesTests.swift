import ClusterModel
import Glibc
import TestSupport
import Testing

@testable import Postgres

@Suite("synchronous_standby_names")
struct SynchronousStandbyNamesTests {
    static let settings = [
        SynchronousSetting.none, SynchronousSetting(members: ["pg-1"], required: 1),
        SynchronousSetting(members: ["pg-1", "pg-2", "any"], required: 2),
        SynchronousSetting(members: [], required: 1), SynchronousSetting(members: ["a\"b", "c, d"], required: 3),
    ]

    @Test("is read back as it was written", arguments: settings)
    func roundTrip(setting: SynchronousSetting) {
        #expect(SynchronousSetting(standbyNames: setting.standbyNames) == setting)
    }

    @Test("is empty when commits wait for nobody, whoever is named")
    func nobody() {
        #expect(SynchronousSetting(members: ["a"], required: 0).standbyNames == "")
        #expect(SynchronousSetting(standbyNames: "  ") == SynchronousSetting.none)
    }

    @Test(
        "of another form is none of ours",
        arguments: [
            "*", "a", "a, b", "FIRST 1 (a)", "2 (a, b)", "ANY 1 (a)", "ANY 1 (\"*\")", "ANY x (\"a\")", "ANY 0 (\"a\")",
            "ANY 1 (\"a\"", "ANY 1 (\"a\" \"b\")", "ANY 1 (\"\")", "ANY",
        ])
    func foreign(text: String) {
        #expect(SynchronousSetting(standbyNames: text) == nil)
    }

    @Test("is understood by the server, and holds commits back when nobody is entered yet")
    func realServer() async throws {
        let primary = try await PostgresServer.primary()
        let standby = try await primary.standby(member: "pg-2")
        var configuration = primary.configuration
        func load(_ setting: SynchronousSetting) async throws {
            configuration.synchronous = setting
            try configuration.writeSynchronous()
            try AsPostgres.own(primary.dataDirectory)
            primary.signal(SIGHUP)
            try await eventually("\(setting) is loaded") {
                let report = try primary.report()
                return report.synchronous == setting && report.areSettingsLoaded
            }
        }
        for setting in Self.settings { try await load(setting) }
        // Without anybody to wait for, a commit is not acknowledged; the standby that has it all does not count.
        try await load(SynchronousSetting(members: [], required: 1))
        #expect(throws: SQLError.self) { try primary.query("CREATE TABLE t()", within: .milliseconds(300)) }
        try await load(SynchronousSetting(members: ["pg-2"], required: 1))
        try primary.query("CREATE TABLE u()")
        #expect(try standby.report().isStreaming)
    }
}
