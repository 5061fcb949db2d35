import ClusterModel
import Glibc
import Platform

/// A condition that did not come true in time.
package struct NeverHappened: Error, CustomStringConvertible {
    package let description: String

    init(_ what: String, within limit: Duration, _ file: String, _ line: Int) {
        description = "\(file):\(line): within \(limit) never: \(what)"
    }
}

/// Waits until the condition holds; throws ``NeverHappened`` after `limit`.
package func eventually(
    _ what: String = "the condition holds", within limit: Duration = .seconds(10),
    every interval: Duration = .milliseconds(10), file: String = #fileID, line: Int = #line,
    _ condition: () async throws -> Bool
) async throws {
    let deadline = BootClock.now() + limit
    while try await !condition() {
        guard BootClock.now() < deadline else { throw NeverHappened(what, within: limit, file, line) }
        try await Task.sleep(for: interval)
    }
}

/// Waits until there is a value and returns it; throws ``NeverHappened`` after `limit`.
package func eventualValue<Value>(
    _ what: String = "there is a value", within limit: Duration = .seconds(10),
    every interval: Duration = .milliseconds(10), file: String = #fileID, line: Int = #line,
    _ value: () async throws -> Value?
) async throws -> Value {
    let deadline = BootClock.now() + limit
    while true {
        if let value = try await value() { return value }
        guard BootClock.now() < deadline else { throw NeverHappened(what, within: limit, file, line) }
        try await Task.sleep(for: interval)
    }
}

/// As ``eventually(_:within:every:file:line:_:)`` for code that is not async: blocks its thread.
package func eventuallyBlocking(
    _ what: String = "the condition holds", within limit: Duration = .seconds(10),
    every interval: Duration = .milliseconds(10), file: String = #fileID, line: Int = #line,
    _ condition: () throws -> Bool
) throws {
    let deadline = BootClock.now() + limit
    while try !condition() {
        guard BootClock.now() < deadline else { throw NeverHappened(what, within: limit, file, line) }
        usleep(UInt32(clamping: interval.nanoseconds / 1000))
    }
}
