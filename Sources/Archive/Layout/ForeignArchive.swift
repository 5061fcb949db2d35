import ClusterModel
import ObjectStorage
import Platform
import Postgres

/// Another cluster's archive, which this one only reads.
enum ForeignArchive {
    /// The end of the newest segment of the newest timeline; nil: there is none.
    static func end(
        _ store: any ObjectStore, _ layout: ArchiveLayout, segmentSize: UInt64
    ) throws(ArchiveError) -> LSN? {
        do {
            let root = layout.server + "/wals/"
            // Timeline and log number, in upper-case hexadecimal: their order is that of their names.
            for folder in try store.listAll(root).folders.sorted(by: >) {
                let names = try store.listAll(folder).objects.map { object in object.key.name.prefix { $0 != "." } }
                if let newest = names.compactMap({ WALSegment($0, size: segmentSize) }).max() { return newest.end }
            }
            return nil
        } catch { throw ArchiveError(error) }
    }
}

extension ArchiverLoop {
    private static let surveyInterval = Duration.seconds(3)

    /// Nothing is pushed to a foreign archive, so there is nothing else to look for.
    func survey(_ now: Instant) {
        jobs.rest(at: now)
        guard now >= nextSurvey,
            let control = try? ControlData.read(dataDirectory: settings.dataDirectory)
        else { return }
        // The next begins some time after this one has ended.
        nextSurvey = now + .seconds(3600)
        jobs.survey(segmentSize: control.walSegmentSize)
    }

    func surveyed(_ result: Result<LSN?, ArchiveError>) {
        nextSurvey = BootClock.now() + Self.surveyInterval
        switch result {
        case .success(let end):
            reporter.status.newestEnd = end
            if reporter.status.lastError != nil { report(ArchiverEvent(.info, "the archive answers again")) }
            reporter.clearError()
            reportedFailure = nil
        case .failure(let error):
            reporter.status.lastError = error.message
            tell(error, file: nil)
        }
    }
}
