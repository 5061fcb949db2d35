import ClusterModel
import Postgres

/// What a cluster under test is like.
package struct ClusterSettings: Sendable {
    /// Timing of the lease, as the configuration file has it.
    package struct Lease: Sendable {
        package var duration: Duration
        package var renewEvery: Duration
        package var giveUpAfter: Duration
        package var killWithin: Duration

        /// Half of the defaults: for tests that are not about them.
        package static let quick = Lease(
            duration: .milliseconds(3000), renewEvery: .milliseconds(500), giveUpAfter: .milliseconds(1800),
            killWithin: .milliseconds(300))
        package static let defaults = Lease(
            duration: .milliseconds(6000), renewEvery: .milliseconds(1000), giveUpAfter: .milliseconds(4000),
            killWithin: .milliseconds(500))
    }

    package var cluster = "tested"
    package var members = 3
    package var lease = Lease.quick
    /// Beside those that make a small server.
    package var parameters: [String: String] = [:]
    package var binDirectory = PostgresFixture.binaries.path("postgres").droppingLastComponent
    /// Small, so that segments fill quickly.
    package var walSegmentSize = "1MB"
    package var crashRestartBudget = Duration.seconds(10)
    package var unresponsiveBudget = Duration.seconds(10)
    /// Name of the archive's directory beside those of the members; nil: no archive.
    package var archive: String?
    /// More lines of the section `archive`, indented.
    package var archiving = ""
    /// Lines of the section `bootstrap`, indented.
    package var bootstrap = ""
    /// Lines that are added to the end of the file.
    package var more = ""

    package init(members: Int = 3) { self.members = members }

    /// The configuration file of a member.
    package func yaml(_ member: ClusterMember) -> String {
        let small = [
            "shared_buffers": "16MB", "max_connections": "40", "max_wal_size": "64MB", "min_wal_size": "32MB",
            // Processes are killed, not machines: what the kernel has is safe.
            "fsync": "off",
        ]
        let all = small.merging(parameters) { $1 }.sorted { $0.key < $1.key }
        var text = """
            cluster: \(cluster)
            member: \(member.name)
            dataDirectory: \(member.dataDirectory)
            runDirectory: \(member.runDirectory)
            postgres:
              binDirectory: \(binDirectory)
              listen: 127.0.0.1
              host: 127.0.0.1
              port: \(member.port)
              hba: ["host all all 127.0.0.1/32 trust"]
              parameters:

            """
        for (name, value) in all { text += "    \(name): '\(value)'\n" }
        text += """
            bootstrap:
              patience: 0s
              initdb: {walSegmentSize: \(walSegmentSize)}
            \(bootstrap)
            http: {listen: 127.0.0.1, port: \(member.httpPort), advertise: 127.0.0.1}
            lease:
              store: file
              file: {path: \(member.leaseFile)}
              duration: \(lease.duration.milliseconds)ms
              renewEvery: \(lease.renewEvery.milliseconds)ms
              giveUpAfter: \(lease.giveUpAfter.milliseconds)ms
              killWithin: \(lease.killWithin.milliseconds)ms
            failover:
              crashRestartBudget: \(crashRestartBudget.milliseconds)ms
              unresponsiveBudget: \(unresponsiveBudget.milliseconds)ms

            """
        if let archive { text += "archive:\n  directory: \(member.clusterDirectory)/\(archive)\n\(archiving)" }
        return text + more
    }
}

extension String {
    fileprivate var droppingLastComponent: String { String(self[..<(lastIndex(of: "/") ?? endIndex)]) }
}
