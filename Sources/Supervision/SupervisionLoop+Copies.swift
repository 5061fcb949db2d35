import ClusterModel
import Configuration
import Glibc
import Leadership
import Logging
import Platform
import Postgres

/// How a data directory is made: from nothing, as a copy, or by a rewind.
extension SupervisionLoop {
    /// The first data out of an archive: a process of its own reads it, recovers in the staging directory and promotes
    /// there, so that what is adopted is as closed in itself as what initdb makes.
    func restore() {
        run(
            .restore,
            Command(
                loaded.programs.manager,
                ["restore", "bootstrap", "--config", configurationPath, "--reason-file", restoreReason],
                environment: environment))
    }

    private var restoreReason: String { loaded.configuration.runDirectory + "/restore-failed" }

    func explainRestore(_ status: String) {
        let path = restoreReason
        onDisk(.explainRestore) { _ in
            let reason = (try? Files.readText(path, limit: 64 << 10)) ?? status
            try Files.remove(path)
            throw DataDirectoryError("the cluster cannot be made from the archive: \(reason)")
        }
    }

    func finishBootstrap() {
        let postgres = loaded.configuration.postgres
        let isRestored = loaded.configuration.bootstrap.recovery != nil
        do {
            let script = try Bootstrap.script(
                superuser: postgres.superuser,
                superuserPassword: postgres.superuserPasswordFile.map { try PasswordFile.readSecret($0) },
                replicationUser: postgres.replicationUser,
                replicationPassword: postgres.replicationPasswordFile.map { try PasswordFile.readSecret($0) },
                isRestored: isRestored)
            let input = try Bootstrap.descriptor(of: script)
            run(
                .finishBootstrap,
                tools.finishBootstrap(in: dataDirectory.stagingPath, script: input.rawValue))
        } catch {
            endOperation("\(error)")
        }
    }

    func adopt(term: UInt64) {
        let cluster = loaded.configuration.cluster
        let major = major
        let expected = observation.store.record?.systemIdentifier
        onDisk(.adopt) { directory in
            let control = try ControlData.read(dataDirectory: directory.stagingPath)
            if let expected, expected != control.systemIdentifier {
                throw DataDirectoryError(
                    "the copy is of the system \(control.systemIdentifier), and the cluster is \(expected)")
            }
            try directory.adoptStaging(
                DataDirectoryIdentity(
                    cluster: cluster, systemIdentifier: control.systemIdentifier, majorVersion: major, term: term))
        }
    }

    /// What there is stays until the copy is complete, so there must be room for both.
    func makeRoom(for source: MemberName) {
        // What is unpacked from an archive says itself that there is no room.
        if source == .remote, copiesFromArchive {
            return stepDone(OperationStep(kind: .makeRoom, operation: operationNumber), error: nil)
        }
        guard let info = upstreamInfo(source) else { return endOperation("\(source) is not in the record") }
        guard case .present = observation.local.data else {
            return stepDone(OperationStep(kind: .makeRoom, operation: operationNumber), error: nil)
        }
        let storage = storage
        onRemote(.makeRoom) { deadline in
            // A source that does not say how large it is may still be copied.
            guard let needed = try? CopySize.take(on: SQLConnection.open(info, deadline: deadline), deadline: deadline),
                let free = storage.state.space?.freeBytes, free < needed
            else { return }
            throw DataDirectoryError(
                "there is no room for a copy of \(needed) bytes beside the present data directory, only \(free) are "
                    + "free, and the old one is kept until the new one is complete: enlarge the volume, or move the "
                    + "old one away")
        }
    }

    /// WAL that nobody else has goes with a rewind or a copy: it is kept aside first.
    func keepWAL() {
        let keep = loaded.configuration.divergedWAL.keep
        let step = OperationStep(kind: .keepWAL, operation: operationNumber)
        guard keep > 0, case .present(let data) = observation.local.data, data.term > 0, !data.rewindPending,
            let fork = fork(of: data)
        else { return stepDone(step, error: nil) }
        onDisk(.keepWAL) { [mailbox] directory in
            let kept = try directory.keepDivergedWAL(on: data.timeline, from: fork, keep: keep)
            if let kept { _ = mailbox.post(.keptWAL(kept.description)) }
        }
    }

    /// Where the leader's history left this directory's; nil when it did not, or that is not known.
    private func fork(of data: DataState) -> LSN? {
        let followed =
            decision.leadsStandby || observation.operation == .rewind(from: .remote)
            || observation.operation == .clone(from: .remote)
        guard let history = followed ? observation.remote?.history : observation.leaderHistory,
            history.timeline != data.timeline
        else { return nil }
        return history.end(of: data.timeline) ?? .zero
    }

    /// Of the other cluster: from its archive when nothing streams from there, and in turn when streaming fails.
    var copiesFromArchive: Bool {
        guard loaded.foreignArchiveClient != nil else { return false }
        guard remoteAccess != nil else { return true }
        guard let failure = observation.failure, failure.operation == .clone(from: .remote) else { return false }
        return failure.count % 2 == 1
    }

    func makeSlot(at source: MemberName) {
        // A slot over there is made by whoever runs the other cluster.
        if source == .remote { return stepDone(OperationStep(kind: .makeSlot, operation: operationNumber), error: nil) }
        guard let info = upstreamInfo(source) else { return endOperation("\(source) is not in the record") }
        let slot = SlotName.of(observation.me.name)
        onRemote(.makeSlot) { deadline in
            let connection = try SQLConnection.open(info, deadline: deadline)
            _ = try connection.query(
                """
                SELECT pg_create_physical_replication_slot($1, true)
                 WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1)
                """, [slot], deadline: deadline)
        }
    }

    func baseBackup(from source: MemberName) {
        if source == .remote, copiesFromArchive {
            return run(
                .unpackBackup,
                Command(
                    loaded.programs.manager,
                    ["archive", "unpack", "--config", configurationPath, "--into", dataDirectory.stagingPath],
                    environment: environment))
        }
        guard let info = upstreamInfo(source) else { return endOperation("\(source) is not in the record") }
        do {
            try writePasswordFile()
        } catch {
            return endOperation("\(error)")
        }
        run(.baseBackup, tools.baseBackup(from: info, into: dataDirectory.stagingPath))
    }

    func checkpointAtSource(_ source: MemberName) {
        guard let info = upstreamInfo(source) else { return endOperation("\(source) is not in the record") }
        onRemote(.sourceCheckpoint) { deadline in
            try Promotion.checkpoint(on: SQLConnection.open(info, deadline: deadline), deadline: deadline)
        }
    }

    func rewind(to source: MemberName) {
        guard let info = upstreamInfo(source) else { return endOperation("\(source) is not in the record") }
        do {
            try writePasswordFile()
        } catch {
            return endOperation("\(error)")
        }
        run(.rewind, tools.rewind(dataDirectory.path, to: info))
    }

    func endRewind(_ source: MemberName) {
        opening = standbyOpening
        let server = server
        let role = standbyRole(source)
        let term = observation.store.record?.term ?? 0
        onDisk(.endRewind) { directory in
            try server.prepareStart(role)
            try directory.endRewind(term: term)
        }
    }
}
