import CPlatform
import Glibc
import Synchronization

/// Messages from many threads to one loop, which polls `wakeDescriptor`.
package final class Mailbox<Message: Sendable>: Sendable {
    private let waiting = Mutex<[Message]>([])
    private let capacity: Int
    private let wake: FileDescriptor

    /// - Parameter capacity: messages that may wait; more are refused.
    package init(capacity: Int = 1024) throws(SystemError) {
        self.capacity = capacity
        wake = FileDescriptor(owning: try retrying("make an eventfd") { cpf_eventfd() })
    }

    /// Readable while messages wait; reading is left to `drain()`.
    package var wakeDescriptor: Int32 { wake.rawValue }

    /// False when the mailbox is full: the message is dropped.
    @discardableResult
    package func post(_ message: Message) -> Bool {
        let before: Int? = waiting.withLock { messages in
            guard messages.count < capacity else { return nil }
            messages.append(message)
            return messages.count - 1
        }
        guard let before else { return false }
        // The first message wakes for all that follow until the loop drains.
        if before == 0 {
            var one: UInt64 = 1
            _ = Glibc.write(wake.rawValue, &one, 8)
        }
        return true
    }

    /// All messages so far, oldest first.
    package func drain() -> [Message] {
        // The descriptor first: a message that comes in between wakes once more, and none is ever overlooked.
        var count: UInt64 = 0
        _ = Glibc.read(wake.rawValue, &count, 8)
        return waiting.withLock { messages in
            let drained = messages
            messages = []
            return drained
        }
    }
}
