import ClusterModel
import TestSupport
import Testing

@testable import Management

@Suite(.ownThread) struct ProbeTests {
    @Test("/healthz passes while the loop goes round, and fails when it has stood still too long")
    func health() throws {
        let fixture = try ServerFixture()
        fixture.advance(.seconds(5))
        #expect(try fixture.get("/healthz").status == 200)
        fixture.advance(.milliseconds(1))
        let response = try fixture.get("/healthz")
        #expect(response.status == 503)
        #expect(response.body.contains("5001 ms"))
    }

    @Test("a primary stops being ready at the very moment its lease ends, without the loop's doing")
    func lease() throws {
        let fixture = try ServerFixture()
        fixture.advance(.milliseconds(3999))
        #expect(try fixture.get("/readyz").status == 200)
        fixture.advance(.milliseconds(1))
        let response = try fixture.get("/readyz")
        #expect(response.status == 503)
        #expect(response.body.contains("no valid lease"))
        #expect(try fixture.get("/v1/status").body.contains(#""role":"replica""#))
    }

    @Test("a primary without a lease is not ready")
    func noLease() throws {
        let fixture = try ServerFixture()
        fixture.change { $0.leaseDeadline = nil }
        #expect(try fixture.get("/readyz").status == 503)
    }

    @Test("a replica is ready or not as the loop says, with its reason")
    func replica() throws {
        let fixture = try ServerFixture()
        fixture.change {
            $0.leaseDeadline = nil
            $0.status.role = .replica
            $0.status.readyReason = "streams from pg-2"
        }
        let ready = try fixture.get("/readyz")
        #expect(ready.status == 200)
        #expect(ready.body == #"{"reason":"streams from pg-2","status":"ready"}"# + "\n")
        fixture.change {
            $0.status.ready = false
            $0.status.readyReason = "lags 99 bytes"
        }
        let lagging = try fixture.get("/readyz")
        #expect(lagging.status == 503)
        #expect(lagging.body == #"{"error":"not ready: lags 99 bytes"}"# + "\n")
    }

    @Test("what a loop that stands still said last makes no replica ready")
    func stalledReplica() throws {
        let fixture = try ServerFixture()
        fixture.change { $0.status.role = .replica }
        fixture.advance(.seconds(6))
        #expect(try fixture.get("/readyz").status == 503)
    }

    @Test("/startupz passes once start-up is over")
    func startup() throws {
        let fixture = try ServerFixture()
        #expect(try fixture.get("/startupz").status == 200)
        fixture.change {
            $0.started = false
            $0.status.state = .cloning
        }
        let response = try fixture.get("/startupz")
        #expect(response.status == 503)
        #expect(response.body.contains("cloning"))
    }
}
