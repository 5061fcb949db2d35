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
            ["logs", "--fifo", loaded.logFIFO, "--member", loaded.configuration.member.rawValue],
            environment: environment)
        pump.output = .inherit
        add(WorkerKeeper(kind: .logs, command: pump, registry: registry, mailbox: mailbox))
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
            let fixed = loaded.changesThatNeedRestart(to: next)
            if !fixed.isEmpty {
                log.warning(
                    "these changes take effect at the next start of pgmahout",
                    metadata: ["keys": "\(fixed.joined(separator: ", "))"])
            }
            loaded = loaded.taking(next)
            observation.settings = loaded.leadership
            applyToPostgres()
            log.notice("the configuration was read again")
        }
    }

    private func applyToPostgres() {
        guard let postgres, postgres.stop == nil else { return }
        let server = loaded.server
        let role = report?.inRecovery == false ? .primary : upstream.map { standbyRole($0) }
        guard let role else { return }
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

extension LoadedConfiguration {
    /// Keys whose change would make this run another member, or needs what was made at the start.
    func changesThatNeedRestart(to next: LoadedConfiguration) -> [String] {
        let old = configuration
        let new = next.configuration
        var keys: [String] = []
        func check(_ key: String, _ isSame: Bool) { if !isSame { keys.append(key) } }
        check("cluster", old.cluster == new.cluster)
        check("member", old.member == new.member)
        check("dataDirectory", old.dataDirectory == new.dataDirectory)
        check("runDirectory", old.runDirectory == new.runDirectory)
        check("postgres.binDirectory", old.postgres.binDirectory == new.postgres.binDirectory)
        check("postgres.port", old.postgres.port == new.postgres.port)
        check("postgres.host", old.postgres.host == new.postgres.host)
        check("postgres.superuser", old.postgres.superuser == new.postgres.superuser)
        check("postgres.replicationUser", old.postgres.replicationUser == new.postgres.replicationUser)
        check("http", old.http == new.http)
        check("lease.store", old.lease.store == new.lease.store)
        check("lease.file", old.lease.file == new.lease.file)
        check("archive", old.archive == new.archive)
        check("log", old.log == new.log)
        return keys
    }

    /// What can change while running.
    func taking(_ next: LoadedConfiguration) -> LoadedConfiguration {
        var result = configuration
        let new = next.configuration
        result.postgres.parameters = new.postgres.parameters
        result.postgres.hba = new.postgres.hba
        result.postgres.listen = new.postgres.listen
        result.postgres.superuserPasswordFile = new.postgres.superuserPasswordFile
        result.postgres.replicationPasswordFile = new.postgres.replicationPasswordFile
        result.lease.duration = new.lease.duration
        result.lease.renewEvery = new.lease.renewEvery
        result.lease.giveUpAfter = new.lease.giveUpAfter
        result.lease.killWithin = new.lease.killWithin
        result.replication = new.replication
        result.failover = new.failover
        result.shutdown = new.shutdown
        return LoadedConfiguration(configuration: result, programs: programs)
    }
}
