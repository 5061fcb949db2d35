import Kubernetes
import Platform
import TestSupport
import Testing

@Suite(.ownThread) struct KubernetesEventsTests {
    private let server: KubernetesServer
    private let api: KubernetesAPI

    init() throws {
        server = try KubernetesServer()
        api = KubernetesAPI(server.settings)
    }

    @Test("an event is about the pod, says why and what, and when")
    func fields() async throws {
        let events = try KubernetesEvents(api, pod: "pg-1", podUID: "u-1")
        events.post(reason: "FailoverCompleted", message: "pg-1 leads\nterm 4")
        events.post(reason: "Fenced", message: String(repeating: "ä", count: 2000), isWarning: true)
        try await eventually("both are written") { events.state.written == 2 }
        let written = try server.objects(.events)
        let failover = try #require(written.first { $0.text("reason") == "FailoverCompleted" })
        #expect(failover.text("involvedObject", "kind") == "Pod")
        #expect(failover.text("involvedObject", "name") == "pg-1")
        #expect(failover.text("involvedObject", "uid") == "u-1")
        #expect(failover.text("message") == "pg-1 leads term 4")
        #expect(failover.text("type") == "Normal")
        #expect(failover.text("source", "component") == "pgmahout")
        let isTime = failover.text("lastTimestamp")?.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/) != nil
        #expect(isTime)
        let fenced = try #require(written.first { $0.text("reason") == "Fenced" })
        #expect(fenced.text("type") == "Warning")
        let length = try #require(fenced.text("message")).utf8.count
        #expect(length <= 1024 && length > 500)
    }

    @Test("they are written in order, after the server was away as well")
    func order() async throws {
        try server.order("disconnect")
        let events = try KubernetesEvents(api, pod: "pg-0", podUID: nil)
        for index in 0..<5 { events.post(reason: "Number\(index)", message: "") }
        try await eventually("it fails") { events.state.lastError != nil }
        #expect(events.state.waiting == 5)
        try server.order("reconnect")
        try await eventually("all are written") { events.state.written == 5 }
        let order = try server.objects(.events).sorted {
            UInt64($0.text("metadata", "resourceVersion") ?? "") ?? 0
                < UInt64($1.text("metadata", "resourceVersion") ?? "") ?? 0
        }
        #expect(order.compactMap { $0.text("reason") } == (0..<5).map { "Number\($0)" })
        #expect(events.state.lastError == nil)
    }

    @Test("of more than fit the oldest are dropped, and nobody waits")
    func bounded() async throws {
        try server.fault("hang", resource: .events)
        let events = try KubernetesEvents(api, pod: "pg-0", podUID: nil, capacity: 4)
        for index in 0..<1000 { events.post(reason: "Number\(index)", message: "") }
        #expect(events.state.waiting == 4)
        #expect(events.state.dropped == 996)
        try await eventually("one hangs") { try !server.rightsUsed().isEmpty }
        try server.heal()
        try await eventually("the rest is written") { events.state.waiting == 0 }
        let reasons = Set(try server.objects(.events).compactMap { $0.text("reason") })
        #expect(reasons.isSuperset(of: (996..<1000).map { "Number\($0)" }))
        #expect(events.state.written + events.state.dropped == 1000)
    }

    @Test("an event whose reply was lost is not written twice")
    func lostReply() async throws {
        try server.fault("apply-cut", resource: .events, count: 1)
        let events = try KubernetesEvents(api, pod: "pg-0", podUID: nil)
        events.post(reason: "SwitchoverCompleted", message: "")
        try await eventually("it is known to be written") { events.state.written == 1 }
        try #expect(server.objects(.events).count == 1)
        #expect(events.state.failures == 1)
    }

    @Test("a missing right is reported; events wait for it, within their bound")
    func missingRight() async throws {
        try server.fault("status", resource: .events, status: 403)
        let events = try KubernetesEvents(api, pod: "pg-0", podUID: nil)
        events.post(reason: "SwitchoverCompleted", message: "")
        try await eventually("the error is there") {
            events.state.lastError?.contains("add the verb 'create' on 'events'") == true
        }
        try server.heal()
        try await eventually("it is written") { events.state.written == 1 }
    }

    @Test("an event that the server will never take does not hold up the others")
    func malformed() async throws {
        try server.fault("status", resource: .events, count: 1, status: 422)
        let events = try KubernetesEvents(api, pod: "pg-0", podUID: nil)
        events.post(reason: "First", message: "")
        events.post(reason: "Second", message: "")
        try await eventually("the second is written") { events.state.written == 1 }
        #expect(events.state.dropped == 1)
        try #expect(server.objects(.events).compactMap { $0.text("reason") } == ["Second"])
    }
}
