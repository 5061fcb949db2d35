import ArgumentParser

struct Restore: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Restore a backup and the WAL after it.",
        subcommands: [RestoreCluster.self, RestoreDatabase.self, RestoreBootstrap.self],
        defaultSubcommand: RestoreCluster.self)
}
