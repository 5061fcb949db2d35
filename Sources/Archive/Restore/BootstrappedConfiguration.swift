import Platform

/// The configuration of a cluster that begins as a restored one: none of the former cluster's, because the new one's own
/// configuration says all.
package enum BootstrappedConfiguration {
    private static let note = "# Settings of the cluster that this one was restored from are not taken over.\n"

    /// To be called when recovery is done: recovery may have needed what goes now.
    package static func forget(in directory: String) throws {
        for name in ["postgresql.conf", "postgresql.conf.initdb", "postgresql.auto.conf"] {
            try Files.writeDurably(Array(note.utf8), to: "\(directory)/\(name)")
        }
    }
}
