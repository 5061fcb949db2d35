import ClusterModel
import Platform
import TestSupport
import Testing

@testable import Supervision

struct JobProcessTests {
    @Test("what a worker says of its progress is its report, with the pace and the time that is left of the phase")
    func progress() async throws {
        let lines = """
            echo '{"phase":"copying","bytesDone":10,"bytesTotal":100,"bytesPerSecond":5,"secondsLeft":18}'
            read line
            echo '{"phase":"waiting for WAL","bytesDone":100,"bytesTotal":100}'
            read line
            """
        let pipe = try Pipe.makePipe()
        let input = FileDescriptor(owning: pipe.read)
        let lifeline = FileDescriptor(owning: pipe.write)
        var command = Command("/bin/sh", ["-c", lines])
        command.input = .descriptor(input.rawValue)
        let mailbox = try Mailbox<Message>(capacity: 4)
        var job = try JobProcess(
            id: "1", kind: .backup, command, guardian: ClusterPrograms.path("pgmahout-guard"), TestChildren.registry,
            mailbox)
        try await eventually("it has said how far it is", within: .seconds(20)) {
            job.listen()
            return job.report.secondsLeft == 18
        }
        #expect(job.report.phase == "copying" && job.report.bytesDone == 10 && job.report.bytesPerSecond == 5)
        try lifeline.write(Array("\n".utf8))
        try await eventually("it has said what it does next", within: .seconds(20)) {
            job.listen()
            return job.report.phase == "waiting for WAL"
        }
        #expect(job.report.secondsLeft == nil && job.report.bytesPerSecond == nil)
        try lifeline.close()
        try await eventually("it has ended", within: .seconds(20)) { !mailbox.drain().isEmpty }
    }
}
