import ClusterModel
import Configuration
import Glibc
import Leadership
import LeaseStores
import Logging
import Logs
import Management
import Platform
import Postgres

/// What `pgmahout run` runs: puts the parts together, then hands over to the loop.
package enum Supervisor {
    /// Runs until asked to stop.
    /// - Returns: the exit code.
    package static func run(configurationPath: String, environment: [String: String]) -> Int32 {
        let configuration: PgmahoutConfiguration
        do throws(ConfigurationErrors) {
            configuration = try ConfigurationLoader.load(path: configurationPath, environment: environment)
        } catch {
            complain(error.description)
            return ExitCode.configuration
        }
        do {
            try Logs.bootstrap(
                format: configuration.log.format == .json ? .json : .text,
                level: Logger.Level(rawValue: configuration.log.level.rawValue) ?? .info,
                member: configuration.member.rawValue)
        } catch {
            complain("cannot log: \(error)")
            return ExitCode.unavailable
        }
        defer { Logs.flush() }
        let log = Logger(label: "pgmahout")
        let loaded = LoadedConfiguration(configuration: configuration, programs: LoadedConfiguration.Programs())
        do {
            return try start(loaded, configurationPath, environment, log)
        } catch let refusal as Refusal {
            log.critical("cannot start", metadata: ["error": "\(refusal.reason)"])
            return refusal.code
        } catch {
            log.critical("cannot start", metadata: ["error": "\(error)"])
            return ExitCode.unavailable
        }
    }

    private struct Refusal: Error {
        var code: Int32
        var reason: String
    }

    private static func start(
        _ loaded: LoadedConfiguration, _ configurationPath: String, _ environment: [String: String], _ log: Logger
    ) throws -> Int32 {
        let configuration = loaded.configuration
        // libpq in this process would take them for settings.
        for key in environment.keys where key.hasPrefix("PG") && !key.hasPrefix("PGMAHOUT_") { unsetenv(key) }
        // Before anything is spawned: PID 1 ignores signals that it has no handler for.
        let signals = try Signals.install([SIGTERM, SIGINT, SIGHUP, SIGCHLD])
        Signals.ignore(SIGPIPE)
        try Processes.setChildSubreaper()
        umask(0o077)
        try Files.makeDirectory(configuration.runDirectory, mode: 0o700)
        let fifos = try PostgresLogFIFOs(directory: loaded.logDirectory)
        if let slash = configuration.dataDirectory.lastIndex(of: "/"), slash != configuration.dataDirectory.startIndex {
            try Files.makeDirectory(String(configuration.dataDirectory[..<slash]), mode: 0o700)
        }
        guard let lock = try FileLock(exclusive: configuration.dataDirectory + ".pgmahout-lock") else {
            throw Refusal(
                code: ExitCode.unavailable,
                reason: "another pgmahout runs on '\(configuration.dataDirectory)': two would destroy it")
        }
        let tools = Tools(
            binaries: PostgresBinaries(directory: configuration.postgres.binDirectory), environment: environment)
        let major = try majorVersion(tools)
        if !configuration.slots.logical.isEmpty, major < LogicalSlots.firstMajor {
            throw Refusal(
                code: ExitCode.configuration,
                reason:
                    "slots.logical needs PostgreSQL \(LogicalSlots.firstMajor) or later, and postgres.binDirectory has "
                    + "\(major): logical slots of that version do not outlive a failover. Take slots.logical away")
        }
        let directory = DataDirectory(path: configuration.dataDirectory, cluster: configuration.cluster, major: major)
        try prepare(directory, log)

        let token = configuration.http.tokenFile.map { SecretFile(path: $0) }
        // While a secret is changed, the old one counts as well.
        let peerSecret = configuration.peers.secretFile.map { SecretFile(path: $0, limit: 4) }
        for file in [token, peerSecret] { file?.refresh() }
        let certificates = CertificateFiles(configuration.http.tls)
        do { try certificates?.refresh() } catch {
            throw Refusal(code: ExitCode.configuration, reason: "http.tls cannot be used: \(error)")
        }
        let mailbox = try Mailbox<Message>(capacity: 4096)
        let loop = try SupervisionLoop(
            SupervisionLoop.Parts(
                loaded: loaded, configurationPath: configurationPath, environment: environment, log: log,
                mailbox: mailbox, signals: signals, store: Stores.open(configuration, log), metrics: MemberMetrics(),
                token: token, peerSecret: peerSecret, certificates: certificates, kubernetes: kubernetes(configuration),
                tools: tools,
                major: major, bootID: String(UInt64.random(in: 0...UInt64.max), radix: 36)))
        let server = try management(loop, configuration)
        log.notice(
            "pgmahout \(ProductVersion.current) runs",
            metadata: ["cluster": "\(configuration.cluster)", "process": "\(getpid())", "postgres": "\(major)"])
        let code = withExtendedLifetime(fifos) { loop.run() }
        server.stop()
        withExtended(lock)
        return code
    }

    private static func withExtended(_ lock: borrowing FileLock) {}

    /// What a crash has left of an initdb, a clone or a server is finished, discarded or ended.
    private static func prepare(_ directory: DataDirectory, _ log: Logger) throws {
        if case .refused(let reason) = directory.inspect() {
            throw Refusal(code: ExitCode.dataRefused, reason: reason)
        }
        try Leftovers.end(
            of: directory, canonicalPath: (try? Files.canonicalPath(directory.path)) ?? directory.path)
        if let done = try directory.recover() {
            log.notice("recovered the data directory", metadata: ["how": "\(done)"])
        }
    }

    private static func kubernetes(_ configuration: PgmahoutConfiguration) throws -> KubernetesKeeper? {
        guard configuration.lease.store == .kubernetes else { return nil }
        return try KubernetesKeeper(Stores.kubernetes(configuration), configuration)
    }

    private static func management(
        _ loop: SupervisionLoop, _ configuration: PgmahoutConfiguration
    ) throws -> ManagementServer {
        let mailbox = loop.mailbox
        var offered = ManagementConfiguration(
            host: configuration.http.listen, port: configuration.http.port,
            access: loop.token.map { token in .token { token.current } } ?? .loopbackOnly,
            peers: loop.peerSecret.map { secret in .secrets { secret.all } } ?? .closed)
        if configuration.peers.certificates { offered.peers = .certificates }
        offered.tls = loop.certificates?.server
        offered.controllers = configuration.http.tls.controllers
        let server = ManagementServer(
            configuration: offered,
            metrics: loop.metrics, now: { BootClock.now() },
            snapshot: { [published = loop.published] in published.value },
            onControl: { request, reply in
                if !mailbox.post(.control(request, reply: reply)) {
                    reply(.unavailable(reason: "PID 1 has too much to do"))
                }
            },
            onPeer: { request, reply in
                if !mailbox.post(.peerRequested(request, reply: reply)) { reply(nil) }
            })
        do {
            try server.start()
        } catch {
            throw Refusal(code: ExitCode.unavailable, reason: "\(error)")
        }
        return server
    }

    /// The server's programs must be of one known version before a data directory is judged.
    private static func majorVersion(_ tools: Tools) throws -> Int {
        let ends = try Pipe.makePipe()
        let output = FileDescriptor(owning: ends.read)
        let theirs = FileDescriptor(owning: ends.write)
        var command = tools.version()
        command.output = .descriptor(theirs.rawValue)
        let registry = ChildRegistry()
        _ = try registry.spawn(command) { _, _ in }
        try theirs.close()
        // A program that prints one line; its end closes the pipe.
        guard !Poll.wait([output.rawValue], until: BootClock.now() + .seconds(10)).isEmpty else {
            throw Refusal(code: ExitCode.unavailable, reason: "'\(command.path) --version' does not answer")
        }
        let text = String(decoding: try output.read(upTo: 256), as: UTF8.self)
        guard let major = PostgresBinaries.majorVersion(inVersionText: text) else {
            throw Refusal(code: ExitCode.unavailable, reason: "'\(command.path) --version' printed '\(text)'")
        }
        return major
    }

    private static func complain(_ text: String) {
        var bytes = Array((text + "\n").utf8)
        _ = write(2, &bytes, bytes.count)
    }
}
