import ClusterModel
import Glibc
import Platform

/// The resident archiver: a process of its own beside postgres, so that bulk data never passes PID 1.
package enum ArchiverWorker {
    /// Runs until the control descriptor ends. Call it on the main thread of a process that does nothing else.
    ///
    /// - Parameters:
    ///   - control: lifeline and orders from PID 1. `lease NANOSECONDS` lines say until which moment of the boot clock
    ///     this member may write to the archive (0: not at all). Its end means: finish what is in flight, then exit.
    ///   - status: gets one line of JSON (`ArchiveStatus`) after every change.
    ///   - report: gets what belongs into the log; is called on the calling thread.
    /// - Returns: the exit code.
    package static func run(
        _ settings: ArchiveSettings, control: Int32 = 0, status: Int32 = 1,
        report: @escaping (ArchiverEvent) -> Void = { _ in }
    ) -> Int32 {
        Signals.ignore(SIGPIPE)
        do {
            return try ArchiverLoop(settings, control: control, status: status, report: report).run()
        } catch {
            report(ArchiverEvent(.error, "the archiver cannot start: \(error)"))
            return 69
        }
    }
}

/// Something that people may want to read in the log.
package struct ArchiverEvent: Hashable, Sendable {
    package enum Level: String, Sendable, CaseIterable { case debug, info, notice, warning, error }

    package let level: Level
    package let message: String
    /// The WAL file that it is about.
    package let file: String?

    package init(_ level: Level, _ message: String, file: String? = nil) {
        self.level = level
        self.message = message
        self.file = file
    }
}
