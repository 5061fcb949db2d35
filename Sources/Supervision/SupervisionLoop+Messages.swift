import ClusterModel
import FoundationEssentials
import Leadership
import Logging
import Management
import Metrics
import Platform
import Postgres

extension SupervisionLoop {
    func handle(_ message: Message) {
        let now = BootClock.now()
        switch message {
        case .postmasterEnded(let process, let status): postmasterEnded(process, status, now)
        case .toolEnded(let process, let status): toolEnded(process, status)
        case .workerEnded(let kind, let process, let status):
            guard workers[kind]?.ended(process, now: now) == true, observation.shutdownRequests == 0 else { return }
            log.warning("a worker ended", metadata: ["worker": "\(kind.rawValue)", "status": "\(status)"])
        case .jobEnded(let process, let status):
            job?.ended(process, status)
            inspector?.ended(process, status)
        case .guardEnded(let process, let status):
            guard guardian.ended(process) else { return }
            metrics.guardRespawns.increment()
            log.error("the guard ended; it is started again", metadata: ["status": "\(status)"])
        case .storeRead(let result): storeRead(result, now)
        case .storeChanged: readStore(now)
        case .storeWritten(let write, let result, let sentAt, let answeredAt):
            storeWritten(write, result, sentAt: sentAt, answeredAt: answeredAt, now)
        case .probed(let result, let at, let run): probed(result, at: at, run: run)
        case .knocked(let knock, let at, let run): knocked(knock, at: at, run: run)
        case .slotProblems(let problems):
            log.debug("replication slots could not be brought up to date", metadata: ["problems": "\(problems)"])
        case .logicalSlots(let notes):
            if notes != logicalSlotNotes, !notes.isEmpty {
                log.warning("logical slots", metadata: ["notes": "\(notes.joined(separator: "; "))"])
            }
            logicalSlotNotes = notes
        case .peerAnswered(let name, let status, let at): peerAnswered(name, status, at: at)
        case .peerReplied(let name, let request, let result): peerReplied(name, request, result, now)
        case .peerRequested(let request, let reply): answer(request, reply)
        case .remoteSeen(let answer, let problem, let at): remoteSeen(answer, problem: problem, at: at)
        case .historyFetched(let history):
            fetchingHistory = false
            observation.leaderHistory = history
            completeHistories(history)
        case .historyUnavailable(let reason):
            fetchingHistory = false
            log.debug("the leader's timeline history is not known yet", metadata: ["error": "\(reason)"])
        case .inspected(let state, let end, let rewindPending, let isBackup):
            inspected(state, end: end, rewindPending: rewindPending, isBackup: isBackup)
        case .stepDone(let step, let error): stepDone(step, error: error)
        case .settingWritten(let number, let error): settingWritten(number, error)
        case .disk(let state): diskChanged(state, now)
        case .keptWAL(let description): keptWAL(description)
        case .control(let request, let reply): take(request, reply)
        case .reloaded(let result): reloaded(result)
        }
    }

    // MARK: Archiver

    func takeArchiverReports() {
        for line in workers[.foreignArchive]?.lines() ?? [] {
            if let status = try? JSONDecoder().decode(ArchiveStatus.self, from: Data(line)) {
                foreignArchiveStatus = status
            }
        }
        for line in workers[.archiver]?.lines() ?? [] {
            guard let status = try? JSONDecoder().decode(ArchiveStatus.self, from: Data(line)) else { continue }
            archiveStatus = status
            let stored = status.archivedHistory.map { HistoryInArchive.stored($0) }
            observation.local.history = status.refusedHistory.map { .refused($0) } ?? stored ?? .unknown
        }
    }
}
