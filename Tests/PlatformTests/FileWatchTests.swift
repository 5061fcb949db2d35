import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

@Suite(.ownThread) struct FileWatchTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test("names that appear, change or vanish are told once")
    func names() throws {
        try Files.writeDurably([1], to: directory.file("old"))
        let watch = try FileWatch(directory: directory.path)
        #expect(watch.drain() == [])
        #expect(Poll.wait([watch.descriptor], until: BootClock.now()).isEmpty)
        try Files.writeDurably([1], to: directory.file("record"))
        try Files.remove(directory.file("old"))
        #expect(Poll.wait([watch.descriptor], until: BootClock.now() + .seconds(5)) == [watch.descriptor])
        #expect(try #require(watch.drain()).isSuperset(of: ["record", "old"]))
        #expect(watch.drain() == [])
    }

    @Test("lost events are told as such")
    func overflow() throws {
        let limit = Int(try Files.readText("/proc/sys/fs/inotify/max_queued_events").dropLast()) ?? 16384
        let watch = try FileWatch(directory: directory.path)
        let (a, b) = (directory.file("a"), directory.file("b"))
        try Files.writeDurably([], to: a)
        for _ in 0...(limit / 4) {
            rename(a, b)
            rename(b, a)
        }
        #expect(watch.drain() == nil)
        #expect(watch.drain() == [])
    }

    @Test("only a directory that exists can be watched")
    func missing() {
        #expect(throws: SystemError.self) { _ = try FileWatch(directory: directory.file("none")) }
    }
}
