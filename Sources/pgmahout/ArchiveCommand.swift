import Archive
import ArgumentParser
import ObjectStorage

/// The archive as a whole.
struct ArchiveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "archive", abstract: "Look at the archive as a whole.", shouldDisplay: false,
        subcommands: [RequireEmpty.self, Unpack.self, Codec.self])

    /// What PID 1 runs before it makes a cluster from nothing: it reaches no object store itself.
    struct RequireEmpty: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "require-empty", abstract: "Fail when the archive holds anything of this cluster's name.",
            shouldDisplay: false)

        @OptionGroup var options: ArchiveOptions

        func run() throws {
            let location = try options.location()
            do {
                try location.layout.requireEmpty(location.store())
            } catch let error as ArchiveError {
                throw Failure(error)
            } catch let error as ObjectStoreError {
                throw Failure(.unavailable, error.message)
            }
        }
    }
}
