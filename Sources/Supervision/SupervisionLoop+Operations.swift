import ClusterModel
import Configuration
import Glibc
import Leadership
import Logging
import Platform
import Postgres

/// Operations, step by step: each step runs where it may block and reports back with `stepDone`.
extension SupervisionLoop {
    func begin(_ operation: Operation, _ now: Instant) {
        operationNumber += 1
        operationStartedAt = now
        observation.operation = operation
        log.info("begins", metadata: ["operation": "\(operation)"])
        switch operation {
        case .initialize:
            let archive = loaded.configuration.archive
            if let archive, archive.place.s3 != nil {
                return run(
                    .requireEmptyArchive,
                    Command(
                        loaded.programs.manager, ["archive", "require-empty", "--config", configurationPath],
                        environment: environment))
            }
            onDisk(.discardStaging) { directory in
                if let archive, let path = archive.place.directory {
                    try EmptyArchive.require(in: path, server: archive.server)
                }
                try directory.discardStaging()
            }
        case .clone: onDisk(.discardStaging) { directory in try directory.discardStaging() }
        case .rewind: keepWAL()
        case .discard: onDisk(.discard) { directory in try directory.discardNeverOpened() }
        case .start(let mode): prepareStart(mode)
        case .stop(let mode): stop(mode)
        case .promote(let target): preparePromotion(to: target)
        case .follow(let name): writeFollow(name)
        case .detach: detach()
        case .checkpoint:
            prepareSegments()
            let local = loaded.server.local()
            onRemote(.checkpoint) { deadline in
                try Promotion.checkpoint(on: SQLConnection.open(local, deadline: deadline), deadline: deadline)
            }
        }
    }

    /// The next step of the operation, or its end.
    func stepDone(_ step: OperationStep, error: String?) {
        guard step.operation == operationNumber, let operation = observation.operation, !settling.isSettling else {
            return
        }
        if let error {
            // It left word: what its exit status does not say belongs into the status.
            if step.kind == .restore { return explainRestore(error) }
            // Without a slot or a checkpoint a clone or a rewind may still succeed.
            guard step.kind == .makeSlot || step.kind == .sourceCheckpoint || step.kind == .checkpoint else {
                return endOperation("\(step.kind) failed: \(error)")
            }
            log.warning("a preparation failed", metadata: ["step": "\(step.kind)", "error": "\(error)"])
        }
        switch (operation, step.kind) {
        case (.initialize, .requireEmptyArchive):
            onDisk(.discardStaging) { directory in try directory.discardStaging() }
        case (.initialize, .discardStaging) where loaded.configuration.bootstrap.recovery != nil: restore()
        case (.initialize, .restore): finishBootstrap()
        case (.initialize, .discardStaging):
            run(.initdb, tools.initdb(into: dataDirectory.stagingPath, loaded.initialSettings, major: major))
        case (.initialize, .initdb): finishBootstrap()
        case (.initialize, .finishBootstrap): adopt(term: 0)
        case (.clone(let source), .discardStaging): makeRoom(for: source)
        case (.clone(let source), .makeRoom): makeSlot(at: source)
        case (.clone(let source), .makeSlot): baseBackup(from: source)
        // A base backup ends with a switch to a segment that nobody has written to yet: until somebody does, the
        // primary refuses to stream from there, and on an idle cluster that may take minutes. A checkpoint writes.
        case (.clone, .unpackBackup): keepWAL()
        case (.clone(let source), .baseBackup): checkpointAtSource(source)
        case (.clone, .sourceCheckpoint): keepWAL()
        case (.clone, .keepWAL): adopt(term: max(1, observation.store.record?.term ?? 1))
        case (.rewind(let source), .keepWAL): checkpointAtSource(source)
        case (.rewind(let source), .sourceCheckpoint):
            onDisk(.beginRewind) { directory in
                _ = try PostmasterPIDFile.removeStale(dataDirectory: directory.path)
                try directory.beginRewind(from: source)
            }
        case (.rewind(let source), .beginRewind): rewind(to: source)
        case (.rewind(let source), .rewind): endRewind(source)
        case (.start(let mode), .prepareStart): spawnPostmaster(mode)
        case (.promote, .preparePromotion): requestPromotion()
        case (.promote, .requestPromotion): nextProbeAt = BootClock.now()
        case (.detach, .writeDetached): endReceiver()
        case (.detach, .endReceiver): receiverEnded()
        case (.follow(let name), .writeFollow):
            upstream = (name, startAddress)
            observation.local.upstream = presentUpstream
            // Not only with the next report: until then the same would be decided again and again.
            if case .running(var running) = observation.local.process {
                running.upstream = presentUpstream
                observation.local.process = .running(running)
            }
            if let postgres { registry.signal(postgres.process, SIGHUP) }
            endOperation(nil)
        default: endOperation(nil)
        }
    }

    /// - Parameter silently: given up rather than failed: not a reason to wait before the next try.
    func endOperation(_ error: String?, silently: Bool = false, _ given: Operation? = nil) {
        guard let operation = given ?? observation.operation else { return }
        if let tool {
            registry.signalGroup(tool.process, SIGKILL)
            self.tool = nil
        }
        if let error {
            log.error("failed", metadata: ["operation": "\(operation)", "error": "\(error)"])
            if !silently { note(failureOf: operation, error) }
        } else {
            log.info("done", metadata: ["operation": "\(operation)"])
        }
        switch operation {
        case .initialize, .clone, .rewind, .discard:
            settling = (true, error)
            inspect()
        case .promote where error == nil:
            observation.operation = nil
            afterPromotion()
        default: observation.operation = nil
        }
        detachedAt = nil
        if error == nil { forgetFailure(of: operation) }
    }

    /// The data directory was looked at again: now the next decision can be made.
    func settleOperation() {
        guard settling.isSettling else { return }
        settling = (false, nil)
        observation.operation = nil
        // Renamed before the next step begins, and removed beside it: that may take minutes.
        let directory = dataDirectory
        disk.submit { [janitor, log] in
            do {
                try directory.discardStaging()
                try directory.discardRestore()
                try directory.putReplacedIntoTrash()
            } catch {
                log.warning("what was replaced cannot be put away", metadata: ["error": "\(error)"])
            }
            janitor.submit { try? directory.emptyTrash() }
        }
    }

    func note(failureOf operation: Operation, _ reason: String) {
        let previous = observation.failure.flatMap { $0.operation == operation ? $0.count : nil } ?? 0
        observation.failure = OperationFailure(
            operation: operation, at: BootClock.now(), count: previous + 1, reason: reason)
    }

    private func forgetFailure(of operation: Operation) {
        switch (operation, observation.failure?.operation) {
        case (.clone, _), (.rewind, .rewind), (.initialize, .initialize), (.discard, _): observation.failure = nil
        case (let done, .some(let failed)) where done == failed:
            // A start has succeeded when the server answers, not when it was spawned.
            if case .start = done { return }
            observation.failure = nil
        default: break
        }
    }

    // MARK: Steps

    func onDisk(_ kind: OperationStep.Kind, _ work: @escaping @Sendable (DataDirectory) throws -> Void) {
        let step = OperationStep(kind: kind, operation: operationNumber)
        let directory = dataDirectory
        let accepted = disk.submit { [mailbox] in
            do {
                try work(directory)
                _ = mailbox.post(.stepDone(step, error: nil))
            } catch {
                _ = mailbox.post(.stepDone(step, error: "\(error)"))
            }
        }
        if !accepted { endOperation("the disk thread has too much to do") }
    }

    /// As `onRemote`, for steps of a take-over on the local server.
    func onUrgent(
        _ kind: OperationStep.Kind, until deadline: Instant, _ work: @escaping @Sendable (Instant) throws -> Void
    ) {
        let step = OperationStep(kind: kind, operation: operationNumber)
        let accepted = urgent.submit { [mailbox] in
            do {
                try work(deadline)
                _ = mailbox.post(.stepDone(step, error: nil))
            } catch {
                _ = mailbox.post(.stepDone(step, error: "\(error)"))
            }
        }
        if !accepted { endOperation("the SQL thread has too much to do") }
    }

    func onRemote(_ kind: OperationStep.Kind, _ work: @escaping @Sendable (Instant) throws -> Void) {
        let step = OperationStep(kind: kind, operation: operationNumber)
        let accepted = remote.submit { [mailbox] in
            do {
                try work(BootClock.now() + .seconds(20))
                _ = mailbox.post(.stepDone(step, error: nil))
            } catch {
                _ = mailbox.post(.stepDone(step, error: "\(error)"))
            }
        }
        if !accepted { endOperation("the SQL thread has too much to do") }
    }

    /// Runs a program that must not outlive PID 1; spawned here, on the main thread, which never ends before it.
    func run(_ kind: OperationStep.Kind, _ command: Command) {
        let step = OperationStep(kind: kind, operation: operationNumber)
        var command = command
        if command.output == .inherit { command.output = logStream }
        if command.error == .inherit { command.error = logStream }
        do {
            let process = try registry.spawn(command.tied(by: loaded.programs.guardian)) { [mailbox] process, status in
                _ = mailbox.post(.toolEnded(process, status))
            }
            tool = (process, step)
        } catch {
            endOperation("\(error)")
        }
    }

    func toolEnded(_ process: ProcessID, _ status: ExitStatus) {
        guard let tool, tool.process == process else { return }
        self.tool = nil
        stepDone(tool.step, error: status.isSuccess ? nil : "it ended with \(status); its output is in this log")
    }

    private func writeFollow(_ name: MemberName) {
        guard decision.vote == nil else { return endOperation("a vote is binding", silently: true) }
        let server = server
        let role = standbyRole(name)
        let access = name == .remote ? remoteAccess : nil
        startAddress = upstreamInfo(name)
        filesMayNameUpstream = true
        onDisk(.writeFollow) { _ in
            try access?.writePasswordFile()
            try server.write(role)
        }
    }
}
