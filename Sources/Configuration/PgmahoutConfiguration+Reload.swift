extension PgmahoutConfiguration {
    /// What becomes of a running member's configuration when its file was read again.
    package struct Reload: Hashable, Sendable {
        /// The running one with those changes that apply at once.
        package let configuration: PgmahoutConfiguration
        /// Paths of the changed keys that apply now.
        package let applied: [String]
        /// Paths of the changed keys that wait for the next start.
        package let waiting: [String]
    }

    /// Takes over from `new` what may change while a member runs.
    package func reloaded(with new: PgmahoutConfiguration) -> Reload {
        let changed = Schema.entries.filter { !$0.key.isEqual(self, new) }
        var result = self
        // An archive begins and ends with a start: until then its keys have nothing that they belong to.
        let isFixed = archive == nil || new.archive == nil
        func isLive(_ entry: SchemaEntry) -> Bool {
            entry.key.isLive && !(isFixed && entry.path.hasPrefix("archive."))
        }
        for entry in changed where isLive(entry) { entry.key.copy(new, &result) }
        return Reload(
            configuration: result, applied: changed.filter(isLive).map(\.path),
            waiting: changed.filter { !isLive($0) }.map(\.path))
    }
}
