import ClusterModel
import Glibc
import Platform

/// Requests, and what comes of them.
extension ArchiverLoop {
    func take(_ request: ArchiverRequest, from connection: Int) throws(ArchiveError) {
        switch request {
        case .push(let name, let path):
            if !gate.isOpen, settings.acceptsEqual {
                guard jobs.compare(name, from: pathInDataDirectory(name), for: connection) else {
                    throw ArchiveError(.unavailable, "the archive does not answer")
                }
                return
            }
            try gate.check()
            let identity = WALSource.identity(of: pathInDataDirectory(name))
            guard let identity, WALSource.identity(of: path) == identity else {
                throw ArchiveError(.refused, "'\(path)' is not in '\(settings.dataDirectory)', which is archived here")
            }
            if schedule.asked(name, identity: identity, by: connection) { return answer(connection, .done) }
            if leavesArchive {
                schedule.left(connection)
                return answer(connection, .leave)
            }
            // There may be more that became ready with it.
            if schedule.waitingCount <= settings.parallel { scan() }
        case .fetch(let name, let path):
            guard jobs.fetch(name, to: path, for: connection) else {
                throw ArchiveError(.unavailable, "the archive does not answer")
            }
        }
    }

    func pushWhatIsNext(_ now: Instant) {
        guard gate.isOpen else {
            for waiter in schedule.abandon() {
                answer(waiter, .failed(ArchiveError(.noLease, "the lease of this member has ended")))
            }
            return
        }
        while jobs.hasIdlePusher, let (name, onlyIfMissing) = schedule.next(at: now) {
            jobs.push(name, from: pathInDataDirectory(name), onlyIfMissing: onlyIfMissing)
        }
    }

    func take(_ completion: ArchiverJobs.Completion) {
        switch completion {
        case .fetched(let slot, let connection, let reply, let note):
            jobs.fetched(slot, for: connection)
            reporter.fetched(reply, note)
            switch note {
            case .leftBehind(let text): report(ArchiverEvent(.notice, text))
            case .fromTail(let text): report(ArchiverEvent(.notice, text))
            case .prefetched, nil: break
            }
            answer(connection, reply)
        case .claimed(let result): claimed(result)
        case .surveyed(let result): surveyed(result)
        case .compared(let connection, let reply): answer(connection, reply)
        case .pushed(let slot, let name, let result):
            jobs.pushed(slot)
            let now = BootClock.now()
            switch result {
            case .success(let success):
                archived(name, success)
                lastArchivedAt = now
                for waiter in schedule.finished(name, .archived(success.source), at: now) { answer(waiter, .done) }
            case .failure(let error):
                failed(name, error)
                for waiter in schedule.finished(name, .failed(error), at: now) { answer(waiter, .failed(error)) }
            }
            noteBacklog()
        }
    }

    private func archived(_ name: WALFileName, _ success: WALPush.Success) {
        reporter.archived(name, success, at: Double(time(nil)))
        if let note = success.note { report(ArchiverEvent(.warning, note, file: name.description)) }
        if reportedFailure != nil, reporter.status.lastError == nil {
            report(ArchiverEvent(.info, "archiving works again", file: name.description))
            reportedFailure = nil
        } else {
            report(ArchiverEvent(.debug, "archived", file: name.description))
        }
    }

    private func failed(_ name: WALFileName, _ error: ArchiveError) {
        // A file that PostgreSQL has taken away meanwhile needs no archiving any more.
        guard Files.exists(pathInDataDirectory(name)) || error.kind == .refused else { return }
        reporter.failed(name, error)
        tell(error, file: name.description)
    }

    /// Once for each reason: an attempt every few seconds would fill the log.
    func tell(_ error: ArchiveError, file: String?) {
        guard reportedFailure != error.message else { return }
        reportedFailure = error.message
        report(ArchiverEvent(error.kind == .refused ? .error : .warning, error.message, file: file))
    }

    private func pathInDataDirectory(_ name: WALFileName) -> String { settings.dataDirectory + "/pg_wal/\(name)" }
}
