import ClusterModel
import Testing

@testable import Supervision

@Suite("What the files of a standby say of its promotion")
struct OpeningSettingsTests {
    @Test("in lossless modes commits wait from the first one on, whoever the standbys will be")
    func lossless() {
        for mode in [SynchronousMode.quorum, .strict] {
            let opening = OpeningSettings.standby(
                mode: mode, required: 2, members: ["pg-3", "pg-1", "pg-2"], me: "pg-2")
            #expect(opening.synchronous == SynchronousSetting(members: ["pg-1", "pg-3"], required: 2))
            #expect(opening.admitsClients)
        }
    }

    @Test("otherwise they wait for nobody")
    func others() {
        for mode in [SynchronousMode.off, .preferred] {
            #expect(
                OpeningSettings.standby(mode: mode, required: 1, members: ["pg-1"], me: "pg-2") == OpeningSettings())
        }
    }
}
