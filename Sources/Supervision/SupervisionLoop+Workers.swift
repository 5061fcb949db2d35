import ClusterModel
import Configuration
import Glibc
import Leadership
import Logging
import Platform
import Postgres

/// The resident workers, and changes of the configuration.
extension SupervisionLoop {
    func prepareWorkers() {
        let programs = loaded.programs
        var pump = Command(
            programs.manager,
            [
                "logs", "--fifo", loaded.logFIFO, "--member", loaded.configuration.member.rawValue, "--format",
                loaded.configuration.log.format.rawValue,
            ],
            environment: environment)
        pump.output = .inherit
        add(WorkerKeeper(kind: .logs, command: pump, registry: registry, mailbox: mailbox))
        if loaded.foreignArchiveClient != nil {
            let reader = Command(
                programs.manager, ["archiver", "--config", configurationPath, "--foreign"], environment: environment)
            add(WorkerKeeper(kind: .foreignArchive, command: reader, registry: registry, mailbox: mailbox))
        }
        guard loaded.configuration.archive != nil else { return }
        let archiver = Command(
            programs.manager, ["archiver", "--config", configurationPath], environment: environment)
        add(WorkerKeeper(kind: .archiver, command: archiver, registry: registry, mailbox: mailbox))
    }

    private func add(_ worker: WorkerKeeper) {
        var worker = worker
        worker.wanted = true
        workers[worker.kind] = worker
    }

    // MARK: SIGHUP

    /// Reads the file again, off the loop. A bad one is refused, and the last good one stays.
    func reload() {
        let path = configurationPath
        let environment = environment
        disk.submit { [mailbox] in
            do throws(ConfigurationErrors) {
                let configuration = try ConfigurationLoader.load(path: path, environment: environment)
                let loaded = LoadedConfiguration(
                    configuration: configuration, programs: LoadedConfiguration.Programs())
                _ = mailbox.post(.reloaded(.success(loaded)))
            } catch {
                _ = mailbox.post(.reloaded(.failure(ReloadRefused(description: error.description))))
            }
        }
    }

    func reloaded(_ result: Result<LoadedConfiguration, ReloadRefused>) {
        switch result {
        case .failure(let refused):
            log.error(
                "the changed configuration is refused; the last good one stays",
                metadata: ["errors": "\(refused.description)"])
        case .success(let next):
            let change = loaded.configuration.reloaded(with: next.configuration)
            loaded = LoadedConfiguration(configuration: change.configuration, programs: loaded.programs)
            if !change.waiting.isEmpty {
                log.warning(
                    "these changes take effect at the next start of pgmahout",
                    metadata: ["keys": "\(change.waiting.joined(separator: ", "))"])
            }
            observation.settings = loaded.leadership
            observation.me.traits = loaded.configuration.traits
            observation.standbySource = loaded.standbySource
            storage.setBallast(bytes: loaded.configuration.ballast.size)
            if report?.inRecovery == true { opening = standbyOpening }
            applyToPostgres()
            log.notice(
                "the configuration was read again", metadata: ["applied": "\(change.applied.joined(separator: ", "))"])
        }
    }

    /// Writes the server's files anew and makes it read them.
    func applyToPostgres() {
        guard let postgres, postgres.answered else {
            // Its files may have been written already; and one that starts may not take the signal yet.
            reloadWhenItAnswers = true
            return
        }
        guard postgres.stop == nil else { return }
        reloadWhenItAnswers = false
        let server = server
        let role = currentRole
        let registry = registry
        let process = postgres.process
        disk.submit { [log] in
            do {
                try server.write(role)
                registry.signal(process, SIGHUP)
            } catch {
                log.error("cannot write postgres' configuration", metadata: ["error": "\(error)"])
            }
        }
    }
}
