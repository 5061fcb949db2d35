import Logging
import Synchronization
import Testing

@testable import Logs

/// One at a time: the level is that of the process.
@Suite(.serialized) struct LineLogHandlerTests {
    private final class Sink: Sendable {
        private let lines = Mutex<[[UInt8]]>([])

        func logger(_ label: String = "pgmahout.test", member: String? = "pg-1") -> Logger {
            Logger(label: label) { label in
                LineLogHandler(label: label, member: member) { record in
                    self.lines.withLock { $0 += LogFormat.json.lines(of: record) }
                }
            }
        }

        func take() throws -> [JSONLine] {
            let bytes = lines.withLock { lines in
                defer { lines = [] }
                return lines.joined().map(\.self)
            }
            return try parse(bytes)
        }
    }

    @Test("a message becomes a line with logger, member and metadata")
    func message() throws {
        let sink = Sink()
        var logger = sink.logger()
        logger[metadataKey: "term"] = "7"
        logger[metadataKey: "overridden"] = "old"
        logger.warning(
            "fenced \"now\"",
            metadata: [
                "processes": .stringConvertible(3), "busy": .stringConvertible(true),
                "seconds": .stringConvertible(0.5),
                "never": .stringConvertible(Double.infinity), "list": ["a", "b"], "overridden": "new", "msg": "mine",
            ])
        var line = try #require(try sink.take().first)
        #expect(line.removeValue(forKey: "ts")?.text?.hasSuffix("Z") == true)
        let expected: JSONLine = [
            "level": .text("warning"), "logger": .text("pgmahout.test"), "msg": .text("fenced \"now\""),
            "member": .text("pg-1"), "term": .text("7"), "processes": .number(3), "busy": .flag(true),
            "seconds": .number(0.5), "never": .text("inf"), "list": .text(#"["a", "b"]"#),
            "overridden": .text("new"), "msg_": .text("mine"),
        ]
        #expect(line == expected)
    }

    @Test("an error that is attached is named")
    func attachedError() throws {
        struct Broken: Error, CustomStringConvertible { let description = "it broke" }
        let sink = Sink()
        sink.logger(member: nil).error("failed", error: Broken())
        let line = try #require(try sink.take().first)
        #expect(line["error"] == .text("it broke") && line["member"] == nil)
    }

    @Test("a change of the level takes effect in loggers that exist, but for those with a level of their own")
    func level() throws {
        defer { Logs.setLevel(.info) }
        let sink = Sink()
        let logger = sink.logger()
        var own = sink.logger("own")
        own.logLevel = .error
        Logs.setLevel(.warning)
        logger.info("quiet")
        own.warning("quiet")
        #expect(try sink.take().isEmpty)
        Logs.setLevel(.debug)
        logger.debug("loud")
        own.warning("quiet")
        #expect(try sink.take().map { $0["msg"] } == [.text("loud")])
    }
}
