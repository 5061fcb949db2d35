/// Events in the order of their time, then of their arrival: a binary heap of plain values; the events themselves stay
/// where they are.
struct EventQueue {
    struct Item {
        var at: Int64
        /// The member whose PID 1 must still be in the same run, or -1.
        var member: Int32
        var run: Int32
        var event: Event
    }

    private struct Entry {
        var at: Int64
        var order: UInt64
        var slot: Int
    }

    private var heap: [Entry] = []
    private var slots: [Item] = []
    private var free: [Int] = []
    private var count: UInt64 = 0

    init() {
        heap.reserveCapacity(256)
        slots.reserveCapacity(256)
        free.reserveCapacity(256)
    }

    mutating func push(at moment: Int64, member: Int, run: Int, _ event: Event) {
        count += 1
        let item = Item(at: moment, member: Int32(member), run: Int32(run), event: event)
        let slot: Int
        if let unused = free.popLast() {
            slot = unused
            slots[slot] = item
        } else {
            slot = slots.count
            slots.append(item)
        }
        let entry = Entry(at: moment, order: count, slot: slot)
        var index = heap.count
        heap.append(entry)
        while index > 0 {
            let parent = (index - 1) / 2
            guard Self.isBefore(entry, heap[parent]) else { break }
            heap[index] = heap[parent]
            index = parent
        }
        heap[index] = entry
    }

    mutating func pop(until end: Int64) -> Item? {
        guard let first = heap.first, first.at <= end, let last = heap.popLast() else { return nil }
        var result = Item(at: first.at, member: -1, run: 0, event: .heals)
        swap(&result, &slots[first.slot])
        free.append(first.slot)
        guard !heap.isEmpty else { return result }
        var index = 0
        while true {
            var child = index * 2 + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, Self.isBefore(heap[child + 1], heap[child]) { child += 1 }
            guard Self.isBefore(heap[child], last) else { break }
            heap[index] = heap[child]
            index = child
        }
        heap[index] = last
        return result
    }

    private static func isBefore(_ left: Entry, _ right: Entry) -> Bool {
        left.at != right.at ? left.at < right.at : left.order < right.order
    }
}
