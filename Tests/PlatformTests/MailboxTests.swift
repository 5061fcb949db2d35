import ClusterModel
import Platform
import Synchronization
import TestSupport
import Testing

@Suite(.ownThread) struct MailboxTests {
    @Test("messages come out in order, and the descriptor is readable only while some wait")
    func order() throws {
        let mailbox = try Mailbox<Int>()
        let now = BootClock.now()
        #expect(Poll.wait([mailbox.wakeDescriptor], until: now).isEmpty)
        for number in 0..<5 { #expect(mailbox.post(number)) }
        #expect(Poll.wait([mailbox.wakeDescriptor], until: now) == [mailbox.wakeDescriptor])
        #expect(mailbox.drain() == [0, 1, 2, 3, 4])
        #expect(Poll.wait([mailbox.wakeDescriptor], until: now).isEmpty)
        #expect(mailbox.drain().isEmpty)
    }

    @Test("a full mailbox refuses messages until it is drained")
    func bounded() throws {
        let mailbox = try Mailbox<Int>(capacity: 2)
        #expect(mailbox.post(1))
        #expect(mailbox.post(2))
        #expect(!mailbox.post(3))
        #expect(mailbox.drain() == [1, 2])
        #expect(mailbox.post(4))
    }

    @Test("no message of many threads is lost by a loop that drains only when woken")
    func manyProducers() throws {
        let mailbox = try Mailbox<Int>(capacity: 64)
        let producers = try (0..<4).map { try WorkerThread(name: "producer-\($0)") }
        for (index, producer) in producers.enumerated() {
            producer.submit {
                for number in 0..<5_000 { while !mailbox.post(index * 5_000 + number) {} }
            }
        }
        var received: [Int] = []
        let deadline = BootClock.now() + .seconds(30)
        while received.count < 20_000 {
            try #require(!Poll.wait([mailbox.wakeDescriptor], until: deadline).isEmpty)
            received += mailbox.drain()
        }
        #expect(received.sorted() == Array(0..<20_000))
    }
}
