import ClusterModel
import Configuration
import Testing

struct EnvironmentTests {
    @Test("variables win over the file, and those of the downward API fill in what it leaves out")
    func overFile() throws {
        let configuration = try load(
            "cluster: demo\ndataDirectory: /data\npostgres: {port: 5433}\nlease: {file: {path: /shared/l}}",
            environment: [
                "PGMAHOUT_POSTGRES_PORT": "5434",
                "PGMAHOUT_DATA_DIRECTORY": "/other",
                "PGMAHOUT_LEASE_FILE_PATH": "/shared/m",
                "PGMAHOUT_BOOTSTRAP_INITDB_WAL_SEGMENT_SIZE": "32MB",
                "PGMAHOUT_POSTGRES_PARAMETERS": "{work_mem: 8MB}",
                "PGMAHOUT_POSTGRES_HBA": "[host all all all reject]",
                "PGMAHOUT_ARCHIVE_DIRECTORY": "/backup",
                "POD_NAME": "pg-0", "POD_IP": "10.1.2.3", "POD_UID": "u-1", "POD_NAMESPACE": "db",
                "HOME": "/root",
            ])
        #expect(configuration.member == "pg-0")
        #expect(configuration.podUID == "u-1")
        #expect(configuration.podNamespace == "db")
        #expect(configuration.postgres.host == "10.1.2.3")
        #expect(configuration.http.advertise == "10.1.2.3")
        #expect(configuration.postgres.port == 5434)
        #expect(configuration.dataDirectory == "/other")
        #expect(configuration.lease.file.path == "/shared/m")
        #expect(configuration.bootstrap.initdb.walSegmentSize == 32 << 20)
        #expect(configuration.postgres.parameters == ["work_mem": "8MB"])
        #expect(configuration.postgres.hba == ["host all all all reject"])
        #expect(configuration.archive?.place.directory == "/backup")
    }

    @Test("what the file says of the member wins over the downward API")
    func fileOverDownwardAPI() throws {
        let configuration = try load(minimal(), environment: ["POD_NAME": "pg-9", "POD_IP": "10.9.9.9"])
        #expect(configuration.member == "pg-1")
        #expect(configuration.postgres.host == "10.0.0.1")
    }

    @Test("mistakes in variables name the variable and come after those of the file")
    func mistakesNameTheVariable() {
        let found = mistakes(
            minimal("http: {port: no}"),
            environment: [
                "PGMAHOUT_POSTGRES_PORT": "0", "PGMAHOUT_LEASE_DURATON": "9s", "PGMAHOUT_COLOUR_OF_THE_SKY": "blue",
                "PGMAHOUT_POSTGRES_HBA": "{}", "PGMAHOUT_POSTGRES_PARAMETERS": "[", "PGMAHOUT_LOG_LEVEL": "",
            ])
        #expect(
            found.map(\.description).joined(separator: "\n") == """
                pgmahout.yaml:6:14: http.port: found 'no'; a whole number from 1 to 65535
                environment variable PGMAHOUT_COLOUR_OF_THE_SKY: found an unknown variable; \
                pgmahout config reference lists all of them
                environment variable PGMAHOUT_LEASE_DURATON: found an unknown variable; \
                did you mean PGMAHOUT_LEASE_DURATION?
                environment variable PGMAHOUT_LOG_LEVEL: log.level: found ''; \
                trace, debug, info, notice, warning, error or critical
                environment variable PGMAHOUT_POSTGRES_HBA: postgres.hba: found a mapping; \
                a list of lines of pg_hba.conf, such as ["host all all 10.0.0.0/8 scram-sha-256"]
                environment variable PGMAHOUT_POSTGRES_PARAMETERS: postgres.parameters: \
                found no valid YAML: while parsing a flow node of line 2, did not find expected node content; \
                correct the syntax here or just before
                environment variable PGMAHOUT_POSTGRES_PORT: postgres.port: found '0'; a whole number from 1 to 65535
                """)
    }

    @Test("a pod's name that is no member name is blamed on the variable")
    func badPodName() {
        let found = mistakes(
            "cluster: demo\ndataDirectory: /data\nlease: {file: {path: /shared/l}}",
            environment: ["POD_NAME": "Pg_0", "POD_IP": "10.1.2.3"])
        #expect(found.map(\.place) == [.environment("POD_NAME")])
        #expect(found.map(\.key) == ["member"])
    }

    @Test("what Kubernetes sets for services called pgmahout is no mistake and sets nothing")
    func serviceVariables() throws {
        let configuration = try load(
            minimal(),
            environment: [
                "PGMAHOUT_SERVICE_HOST": "10.0.0.7", "PGMAHOUT_SERVICE_PORT": "5432",
                "PGMAHOUT_SERVICE_PORT_POSTGRES": "5432", "PGMAHOUT_PORT": "tcp://10.0.0.7:5432",
                "PGMAHOUT_PORT_5432_TCP": "tcp://10.0.0.7:5432", "PGMAHOUT_PORT_5432_TCP_PROTO": "tcp",
                "PGMAHOUT_PORT_5432_TCP_PORT": "5432", "PGMAHOUT_PORT_5432_TCP_ADDR": "10.0.0.7",
                "PGMAHOUT_POSTGRES_PORT": "tcp://10.0.0.8:6000", "PGMAHOUT_HTTP_PORT": "tcp://10.0.0.8:80",
            ])
        #expect(configuration == (try load(minimal())))
    }
}
