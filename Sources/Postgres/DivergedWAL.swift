import ClusterModel

/// WAL that one member had and the cluster went on without, kept aside before that member was rewound or made anew.
package struct DivergedWAL: Hashable, Sendable, Codable, CustomStringConvertible {
    static let fileName = "diverged.json"

    /// The directory it is in.
    package internal(set) var path: String
    package var cluster: String
    package var systemIdentifier: SystemIdentifier
    package var timeline: TimelineID
    /// Where the cluster left that timeline: what follows exists nowhere else.
    package var fork: LSN
    /// The end of the last page that was written.
    package var end: LSN
    package var segments: Int
    /// Of the files.
    package var bytes: UInt64
    package var reason: String
    /// Seconds since 1970 by the wall clock.
    package var keptAt: Int64

    package var description: String {
        "WAL of timeline \(timeline) from \(fork) on, to \(end) at most, in '\(path)' "
            + "(\(segments) \(segments == 1 ? "segment" : "segments"))"
    }

    var readme: String {
        """
        WAL that was written on timeline \(timeline) after \(fork), when the cluster '\(cluster)' went on without it.
        \(reason)
        Nothing uses these files. To see what is in them:

            pg_waldump --path=. --timeline=\(timeline) --start=\(fork)

        Remove this directory when nobody needs to look at it any more.

        """
    }
}
