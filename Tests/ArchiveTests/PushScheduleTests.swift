import ClusterModel
import Testing

@testable import Archive

struct PushScheduleTests {
    private let identity = WALSource.Identity(device: 1, inode: 2, size: 3, modifiedSeconds: 4, modifiedNanoseconds: 5)
    private let other = WALSource.Identity(device: 1, inode: 9, size: 3, modifiedSeconds: 4, modifiedNanoseconds: 5)

    private func name(_ text: String) throws -> WALFileName { try #require(WALFileName(ofAnySize: text)) }
    private func segment(_ number: Int) throws -> WALFileName { try name("00000001000000000000000\(number)") }
    private func at(_ seconds: Double) -> Instant { Instant(nanoseconds: UInt64(seconds * 1e9)) }
    private let unavailable = PushSchedule.Outcome.failed(ArchiveError(.unavailable, "down"))
    private let refused = PushSchedule.Outcome.failed(ArchiveError(.refused, "other"))

    @Test("history files come first, then WAL in its order, each once")
    func order() throws {
        var schedule = PushSchedule()
        let names = [try segment(3), try segment(1), try name("00000002.history"), try segment(2)]
        schedule.scanned(names)
        #expect(schedule.waitingCount == 4)
        var order: [WALFileName] = []
        while let next = schedule.next(at: at(0)) { order.append(next.name) }
        #expect(order == [names[2], names[1], names[3], names[0]])
        #expect(schedule.inFlightCount == 4)
    }

    @Test("what is asked for goes before what is only ready")
    func askedFirst() throws {
        var schedule = PushSchedule()
        schedule.scanned([try segment(1), try segment(2)])
        #expect(try !schedule.asked(segment(2), identity: identity, by: 7))
        #expect(try schedule.next(at: at(0))?.name == segment(2))
        #expect(try schedule.finished(segment(2), .archived(identity), at: at(0)) == [7])
    }

    @Test("what was archived ahead is answered at once, unless it is another file by now")
    func ahead() throws {
        var schedule = PushSchedule()
        schedule.scanned([try segment(1)])
        #expect(schedule.next(at: at(0)) != nil)
        #expect(try schedule.finished(segment(1), .archived(identity), at: at(0)).isEmpty)
        #expect(schedule.waitingCount == 0)
        #expect(try schedule.asked(segment(1), identity: identity, by: 1))
        #expect(try !schedule.asked(segment(1), identity: other, by: 2))
        #expect(try schedule.next(at: at(0))?.name == segment(1))
    }

    @Test("who asks for a file in flight waits for that one attempt, and neighbours do not matter")
    func joins() throws {
        var schedule = PushSchedule()
        schedule.scanned([try segment(1), try segment(2)])
        #expect(try schedule.next(at: at(0))?.name == segment(1))
        #expect(try schedule.next(at: at(0))?.name == segment(2))
        #expect(try !schedule.asked(segment(1), identity: identity, by: 1))
        #expect(schedule.next(at: at(0)) == nil)
        #expect(try schedule.finished(segment(2), refused, at: at(0)).isEmpty)
        #expect(try schedule.finished(segment(1), .archived(identity), at: at(0)) == [1])
    }

    @Test("an unavailable archive is tried again with growing pauses, and by whoever asks at once")
    func backOff() throws {
        var schedule = PushSchedule()
        schedule.scanned([try segment(1), try segment(2)])
        var now = 0.0
        var pauses: [Double] = []
        for _ in 0..<8 {
            var pause = 0.0
            while schedule.next(at: at(now + pause)) == nil { pause += 0.5 }
            pauses.append(pause)
            now += pause
            #expect(try schedule.finished(segment(1), unavailable, at: at(now)).isEmpty)
            #expect(schedule.next(at: at(now)) == nil, "one failure is a failure of all")
        }
        #expect(pauses == [0, 1, 2, 4, 8, 16, 30, 30])
        #expect(try !schedule.asked(segment(1), identity: identity, by: 1))
        #expect(try schedule.next(at: at(now + 1))?.name == segment(1), "who asks is not put off")
        #expect(try schedule.finished(segment(1), .archived(identity), at: at(now)) == [1])
        #expect(try schedule.next(at: at(now))?.name == segment(2))
    }

    @Test("a file that is refused does not hold up the others")
    func refusal() throws {
        var schedule = PushSchedule()
        schedule.scanned([try segment(1), try segment(2)])
        #expect(try schedule.next(at: at(0))?.name == segment(1))
        #expect(try schedule.finished(segment(1), refused, at: at(0)).isEmpty)
        #expect(try schedule.next(at: at(0))?.name == segment(2))
        #expect(schedule.next(at: at(0)) == nil)
        #expect(schedule.waitingCount == 2)
        #expect(try schedule.next(at: at(1))?.name == segment(1))
    }

    @Test("a file that PostgreSQL has done with is forgotten, and would be pushed again")
    func forgets() throws {
        var schedule = PushSchedule()
        schedule.scanned([try segment(1)])
        #expect(schedule.next(at: at(0)) != nil)
        #expect(try schedule.finished(segment(1), .archived(identity), at: at(0)).isEmpty)
        schedule.scanned([])
        #expect(try !schedule.asked(segment(1), identity: identity, by: 1))
    }

    @Test("a client that has gone is not answered; at the end all others are told")
    func leaving() throws {
        var schedule = PushSchedule()
        #expect(try !schedule.asked(segment(1), identity: identity, by: 1))
        #expect(try !schedule.asked(segment(1), identity: identity, by: 2))
        #expect(try !schedule.asked(segment(2), identity: identity, by: 3))
        schedule.left(1)
        #expect(schedule.abandon().sorted() == [2, 3])
        #expect(schedule.abandon().isEmpty)
    }

    @Test("suspected gaps come last, only if missing, and are not counted as waiting")
    func gaps() throws {
        var schedule = PushSchedule()
        schedule.scanned([try segment(5)])
        schedule.suspected([try segment(1), try segment(2)])
        #expect(schedule.waitingCount == 1)
        let (first, second) = (schedule.next(at: at(0)), schedule.next(at: at(0)))
        #expect(try first?.name == segment(5))
        #expect(first?.onlyIfMissing == false)
        #expect(try second?.name == segment(1))
        #expect(second?.onlyIfMissing == true)
        #expect(try schedule.finished(segment(1), .archived(identity), at: at(0)).isEmpty)
        schedule.scanned([])
        #expect(try schedule.next(at: at(0))?.name == segment(2))
        #expect(try schedule.finished(segment(2), refused, at: at(0)).isEmpty)
        #expect(schedule.next(at: at(100)) == nil)
    }

    @Test("after a promotion only complete WAL of the timelines before counts as a gap")
    func archivable() throws {
        let history = try #require(
            TimelineHistory(timeline: TimelineID(2), content: "1\t0/3000060\tno recovery target\n"))
        let files = ArchiveStatusFiles([
            "000000010000000000000001.done", "000000010000000000000002.done", "000000010000000000000003.done",
            "000000010000000000000003.partial.ready", "000000020000000000000003.done", "00000002.history.done",
            "000000010000000000000004.ready", "000000010000000000000001.00000028.backup.done", "garbage",
        ])
        #expect(files.newestTimeline == TimelineID(2))
        #expect(try files.ready == [name("000000010000000000000003.partial"), segment(4)])
        let found = files.archivable(behind: history, segmentSize: WALSegment.defaultSize)
        #expect(try Set(found) == [segment(1), segment(2), name("00000002.history")])
    }
}
