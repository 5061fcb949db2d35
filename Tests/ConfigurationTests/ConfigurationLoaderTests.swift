import ClusterModel
import Configuration
import Testing

struct ConfigurationLoaderTests {
    @Test("a file with only what is required gets every default")
    func defaults() throws {
        let configuration = try load(minimal())
        #expect(configuration.cluster == "demo")
        #expect(configuration.member == "pg-1")
        #expect(configuration.runDirectory == "/run/pgmahout")
        #expect(configuration.postgres.binDirectory == "/usr/lib/postgresql/15/bin")
        #expect(configuration.postgres.port == 5432)
        #expect(configuration.postgres.superuser == "postgres")
        #expect(configuration.postgres.superuserPasswordFile == nil)
        #expect(configuration.postgres.replicationUser == "replicator")
        #expect(configuration.postgres.parameters.isEmpty && configuration.postgres.hba.isEmpty)
        #expect(configuration.bootstrap.initdb.encoding == "UTF8")
        #expect(configuration.bootstrap.initdb.dataChecksums)
        #expect(configuration.bootstrap.initdb.walSegmentSize == 16 << 20)
        #expect(configuration.http.port == 8008)
        #expect(configuration.http.advertise == "10.0.0.1")
        #expect(configuration.apiURL == "http://10.0.0.1:8008")
        #expect(configuration.lease.store == .file)
        #expect(configuration.lease.duration == .seconds(6))
        #expect(configuration.lease.renewEvery == .seconds(1))
        #expect(configuration.lease.giveUpAfter == .seconds(4))
        #expect(configuration.lease.killWithin == .milliseconds(500))
        #expect(configuration.lease.clockRateError == 0.01)
        #expect(configuration.replication.maximumLag == 16 << 20)
        #expect(configuration.failover.crashRestartBudget == .seconds(10))
        #expect(configuration.shutdown.smart == .zero)
        #expect(configuration.shutdown.fast == .seconds(20))
        #expect(configuration.shutdown.immediate == .seconds(3))
        #expect(configuration.archive == nil)
        #expect(configuration.log.level == .info)
        #expect(configuration.log.format == .json)
    }

    @Test("every key of the file arrives in its place")
    func everyKey() throws {
        let configuration = try load(
            """
            cluster: east
            member: pg-2
            dataDirectory: /data/pg
            runDirectory: /run/east
            postgres:
              binDirectory: /opt/pg/bin
              listen: 10.0.0.2,127.0.0.1
              host: pg-2.pg.svc
              port: 6000
              superuser: boss
              superuserPasswordFile: /secrets/superuser
              replicationUser: repl
              replicationPasswordFile: /secrets/replication
              parameters: {Shared_Buffers: 64MB, pg_stat_statements.max: 100, wal_level: logical}
              hba: ["host all all 0.0.0.0/0 scram-sha-256", 'local all all peer']
            bootstrap:
              initdb: {encoding: LATIN1, locale: en_US.UTF-8, dataChecksums: false, walSegmentSize: 64MB, options: ["--lc-messages=C"]}
            http: {listen: "::", port: 9000, advertise: "fd00::2", tokenFile: /secrets/token}
            lease:
              store: file
              file: {path: /shared/east.lease}
              duration: 30s
              renewEvery: 2.5s
              giveUpAfter: 20s
              killWithin: 2s
              clockRateError: 0.02
            replication: {maximumLag: 1GiB}
            failover: {crashRestartBudget: 1m}
            shutdown: {smart: 5s, fast: 1min, immediate: 1500ms}
            archive: {directory: /backup, server: west, compressionLevel: 3, parallel: 4}
            log: {level: debug, format: text}
            """)
        #expect(configuration.cluster == "east")
        #expect(configuration.member == "pg-2")
        #expect(configuration.dataDirectory == "/data/pg")
        #expect(configuration.runDirectory == "/run/east")
        let postgres = configuration.postgres
        #expect(postgres.binDirectory == "/opt/pg/bin")
        #expect(postgres.listen == "10.0.0.2,127.0.0.1")
        #expect(postgres.host == "pg-2.pg.svc")
        #expect(postgres.port == 6000)
        #expect(postgres.superuser == "boss")
        #expect(postgres.superuserPasswordFile == "/secrets/superuser")
        #expect(postgres.replicationUser == "repl")
        #expect(postgres.replicationPasswordFile == "/secrets/replication")
        #expect(
            postgres.parameters == ["shared_buffers": "64MB", "pg_stat_statements.max": "100", "wal_level": "logical"])
        #expect(postgres.hba == ["host all all 0.0.0.0/0 scram-sha-256", "local all all peer"])
        let initdb = configuration.bootstrap.initdb
        #expect(initdb.encoding == "LATIN1")
        #expect(initdb.locale == "en_US.UTF-8")
        #expect(!initdb.dataChecksums)
        #expect(initdb.walSegmentSize == 64 << 20)
        #expect(initdb.options == ["--lc-messages=C"])
        #expect(configuration.http.listen == "::")
        #expect(configuration.apiURL == "http://[fd00::2]:9000")
        #expect(configuration.http.tokenFile == "/secrets/token")
        #expect(configuration.lease.file.path == "/shared/east.lease")
        #expect(configuration.lease.duration == .seconds(30))
        #expect(configuration.lease.renewEvery == .milliseconds(2500))
        #expect(configuration.lease.giveUpAfter == .seconds(20))
        #expect(configuration.lease.killWithin == .seconds(2))
        #expect(configuration.lease.clockRateError == 0.02)
        #expect(configuration.replication.maximumLag == 1 << 30)
        #expect(configuration.failover.crashRestartBudget == .seconds(60))
        #expect(configuration.shutdown.smart == .seconds(5))
        #expect(configuration.shutdown.fast == .seconds(60))
        #expect(configuration.shutdown.immediate == .milliseconds(1500))
        let archive = try #require(configuration.archive)
        #expect(archive.place.directory == "/backup")
        #expect(archive.server == "west")
        #expect(archive.compressionLevel == 3)
        #expect(archive.parallel == 4)
        #expect(configuration.log.level == .debug)
        #expect(configuration.log.format == .text)
    }

    @Test("the name of the cluster is the archive's folder unless another is given")
    func archiveServer() throws {
        let configuration = try load(minimal("archive: {directory: /backup}"))
        #expect(configuration.archive?.server == "demo")
    }

    @Test("an archive section that stands empty is a mistake, one that is absent is none")
    func emptyArchive() throws {
        let found = mistakes(minimal("archive:"))
        #expect(found.map(\.key) == ["archive.directory"])
        #expect(found.map(\.place) == [.file(path: "pgmahout.yaml", line: 6, column: 1)])
    }

    @Test("keys without a value, and sections without keys, count as not given")
    func nothing() throws {
        let configuration = try load(minimal("http:\nlog: {level: ~}\nshutdown: {fast: }"))
        #expect(configuration == (try load(minimal())))
    }

    @Test("a repeated alias can stand for a value")
    func alias() throws {
        let configuration = try load(minimal("shutdown: {fast: &bound 7s, immediate: *bound}"))
        #expect(configuration.shutdown.immediate == .seconds(7))
    }

    @Test("a file that is not there is one mistake that names it")
    func noFile() throws {
        let error = #expect(throws: ConfigurationErrors.self) {
            try ConfigurationLoader.load(path: "/nonexistent/pgmahout.yaml", environment: [:])
        }
        let text = try #require(error).description
        #expect(text.hasPrefix("/nonexistent/pgmahout.yaml: cannot be read: No such file or directory; a YAML file"))
    }

    @Test(
        "a directory, bytes that are no text and an endless device are refused by name",
        arguments: ["/tmp", "/dev/zero"])
    func noRegularFile(path: String) throws {
        let error = #expect(throws: ConfigurationErrors.self) {
            try ConfigurationLoader.load(path: path, environment: [:])
        }
        #expect(try #require(error).description.hasPrefix("\(path): cannot be read: not a regular file;"))
    }

    @Test("bytes that are no UTF-8 are refused")
    func noText() throws {
        let files = ConfigurationFiles(
            read: { _, _ throws(ConfigurationFiles.Problem) in [0x61, 0xFF] }, isExecutable: { _ in true })
        let error = #expect(throws: ConfigurationErrors.self) {
            try ConfigurationLoader.load(path: "x.yaml", environment: [:], files: files)
        }
        #expect(try #require(error).description == "x.yaml: found bytes that are no text; UTF-8")
    }
}
