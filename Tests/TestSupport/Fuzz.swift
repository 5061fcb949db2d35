import ClusterModel
import Glibc
import Platform
import Synchronization

/// Feeds a parser of foreign bytes with damaged versions of good ones: the same for one seed, so that a case that was
/// found once is found again.
package struct Fuzz {
    /// Well-formed inputs.
    package var corpus: [[UInt8]]
    /// Pieces that mean something to the parser.
    package var words: [String]
    package var cases: Int
    package var seed: UInt64

    package init(_ corpus: [[UInt8]], words: [String] = [], cases: Int = 20_000, seed: UInt64 = 1) {
        self.corpus = corpus
        self.words = words
        self.cases = cases
        self.seed = seed
    }

    package init(_ corpus: [String], words: [String] = [], cases: Int = 20_000, seed: UInt64 = 1) {
        self.init(corpus.map { Array($0.utf8) }, words: words, cases: cases, seed: seed)
    }

    /// One case may take so long on a loaded machine; none takes a hundredth of it on a quiet one.
    private static let longest = Duration.seconds(20)
    /// Resident memory that a run may add.
    private static let mostMemory = 192 << 20

    /// - Parameter body: returns whatever the parser makes of its input; only what it must never do is thrown.
    package func run(_ body: ([UInt8]) throws -> Void) throws {
        let watchdog = try Watchdog()
        defer { watchdog.end() }
        var mutation = Mutation(corpus: corpus, words: words.map { Array($0.utf8) }, seed: seed)
        let before = Self.residentBytes()
        for number in 0..<cases {
            // The good ones first.
            let input = number < corpus.count ? corpus[number] : mutation.next()
            watchdog.begins(number, input)
            do { try body(input) } catch {
                throw FixtureError("case \(number) of seed \(seed): \(error); input: \(Self.show(input))")
            }
        }
        let grown = Self.residentBytes() - before
        guard grown <= Self.mostMemory else { throw FixtureError("\(grown >> 20) MiB more memory after the run") }
    }

    fileprivate static func show(_ input: [UInt8]) -> String {
        String(decoding: input.prefix(2000), as: UTF8.self).debugDescription
    }

    private static func residentBytes() -> Int {
        let pages = (try? Files.readText("/proc/self/statm"))?.split(separator: " ").dropFirst().first.flatMap {
            Int($0)
        }
        return (pages ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// Ends a process whose parser does not return, with the input that it hangs on.
    private final class Watchdog: Sendable {
        private struct State {
            var number = 0
            var input: [UInt8] = []
            var since: Instant?
            var isOver = false
        }

        private let state = Mutex(State())
        private let thread: WorkerThread

        init() throws {
            thread = try WorkerThread(name: "fuzz-watch", capacity: 1)
            thread.submit { [self] in
                while true {
                    usleep(100_000)
                    let (state, now) = (state.withLock { $0 }, BootClock.now())
                    if state.isOver { return }
                    guard let since = state.since, since + Fuzz.longest < now else { continue }
                    let text = "case \(state.number) does not end: \(Fuzz.show(state.input))\n"
                    try? FileDescriptor(opening: "/dev/stderr", O_WRONLY).write(Array(text.utf8))
                    abort()
                }
            }
        }

        func begins(_ number: Int, _ input: [UInt8]) {
            let now = BootClock.now()
            state.withLock { state in
                state.number = number
                state.input = input
                state.since = now
            }
        }

        func end() { state.withLock { $0.isOver = true } }
    }
}

/// SplitMix64: the same numbers for the same seed.
package struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}

/// Damages bytes in all the ways that bytes get damaged, and in those of somebody who means harm.
private struct Mutation {
    let corpus: [[UInt8]]
    let words: [[UInt8]]
    private var random: SeededGenerator

    private static let numbers = [
        "0", "-1", "1", "255", "4294967295", "4294967296", "9223372036854775807", "9223372036854775808",
        "18446744073709551615", "99999999999999999999", "FFFFFFFF", "077777777777", "1e309", "٣",
    ].map { Array($0.utf8) }
    private static let bytes: [UInt8] = [0, 1, 9, 10, 13, 32, 34, 39, 45, 46, 47, 92, 127, 128, 0xC3, 0xF0, 0xFF]
    /// Inputs stay below this.
    private static let largest = 64 << 10

    init(corpus: [[UInt8]], words: [[UInt8]], seed: UInt64) {
        self.corpus = corpus
        self.words = words
        random = SeededGenerator(seed: seed)
    }

    mutating func next() -> [UInt8] {
        var bytes = corpus[number(below: corpus.count)]
        for _ in 0...number(below: 4) { change(&bytes) }
        return Array(bytes.prefix(Self.largest))
    }

    private mutating func number(below bound: Int) -> Int { bound > 0 ? Int(random.next() % UInt64(bound)) : 0 }

    private mutating func range(in bytes: [UInt8], upTo longest: Int) -> Range<Int> {
        let start = number(below: bytes.count)
        return start..<min(bytes.count, start + number(below: longest + 1))
    }

    private mutating func change(_ bytes: inout [UInt8]) {
        let place = number(below: bytes.count + 1)
        switch number(below: 11) {
        case 0 where !bytes.isEmpty: bytes[number(below: bytes.count)] ^= 1 << UInt8(number(below: 8))
        case 1 where !bytes.isEmpty: bytes[number(below: bytes.count)] = Self.bytes[number(below: Self.bytes.count)]
        case 2 where !bytes.isEmpty: bytes[number(below: bytes.count)] = UInt8(number(below: 256))
        case 3: bytes.removeSubrange(range(in: bytes, upTo: 32))
        case 4: bytes.removeLast(number(below: bytes.count + 1))
        case 5: bytes.insert(contentsOf: bytes[range(in: bytes, upTo: 64)], at: place)
        case 6:
            let piece = Array(bytes[range(in: bytes, upTo: 8)])
            for _ in 0..<number(below: 2000) where bytes.count < Self.largest {
                bytes.insert(contentsOf: piece, at: min(place, bytes.count))
            }
        case 7:
            let other = corpus[number(below: corpus.count)]
            bytes = Array(bytes[..<place] + other[number(below: other.count + 1)...])
        case 8: replaceNumber(&bytes, near: place)
        case 9 where !words.isEmpty: bytes.insert(contentsOf: words[number(below: words.count)], at: place)
        default: bytes.insert(Self.bytes[number(below: Self.bytes.count)], at: place)
        }
    }

    private mutating func replaceNumber(_ bytes: inout [UInt8], near place: Int) {
        let isDigit = { (byte: UInt8) in (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
        guard let start = bytes[place...].firstIndex(where: isDigit) else { return }
        let end = bytes[start...].firstIndex { !isDigit($0) } ?? bytes.endIndex
        bytes.replaceSubrange(start..<end, with: Self.numbers[number(below: Self.numbers.count)])
    }
}
