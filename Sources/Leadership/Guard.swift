/// Every single condition that safety rests on, by name (docs/leadership.md). The simulator takes them away one at a time
/// and has to notice; nothing that ships ever removes one.
package enum Guard: String, Sendable, CaseIterable {
    // The lease
    /// A challenger waits for a whole D over an unchanged renewal.
    case challengerWaits
    /// A holder that did not renew in time stops its postgres.
    case holderGivesUp
    /// A released lease is for its successor alone, until D has passed.
    case successorOnly
    /// What may have been given away is not opened again before a later renewal succeeded.
    case noOpeningAfterRelease
    /// The target has flushed the shutdown checkpoint before the lease is given to it.
    case confirmedHandover
    /// A store that went back is not believed: its released lease is not free.
    case rolledBackIsNotFree
    /// A member that the holder does not know yet does not stand.
    case electorateOnly

    // Consent
    /// Whoever consented does not stand.
    case promiseKept
    /// All whose consent is needed have given it.
    case consentOfAll
    /// Who has voted against a holder, or stands, does not consent to it.
    case noConsentAfterVote
    /// A member that booted lately may have forgotten a promise: it does not vote.
    case bootedVoterWaits

    // Votes
    /// A vote shows only once the WAL receiver is gone.
    case voteAfterDetach
    /// While a vote binds, no WAL receiver is started.
    case noStreamWhileVoted
    /// A vote counts for the renewal that it was cast against, and for no other.
    case voteForThisRenewal
    /// A member that has just booted streams only after it has seen a renewal.
    case streamAfterRenewal
    /// As many votes as the record demands.
    case votesEnough
    /// Only members of the recorded set stand.
    case synchronousOnly
    /// The member with most WAL of those that voted goes first.
    case bestGoesFirst

    // Synchronous replication
    /// The record and the setting always overlap.
    case overlap
    /// Fewer votes are recorded only once enough members have what was acknowledged before.
    case narrowAfterFlush
    /// A winner records how many others have what it has.
    case votesAtClaim
    /// The first commit after an opening waits like all others.
    case synchronousAtOpening
    /// In `strict`, clients are let in when what they can see is replicated.
    case clientsWait

    // Data
    /// Every promotion takes a number that nobody was given before.
    case newTimeline
    /// A directory in the middle of a rewind is never started.
    case halfRewound
    /// A former primary follows only a history that contains its last record.
    case formerPrimary

    // Two clusters
    /// A cluster that follows another opens nothing for writes.
    case followerStaysStandby
    /// A token is given away once postgres has stopped cleanly, and not before.
    case tokenAfterStop
    /// All that the token speaks of was replayed before the cluster leads again.
    case tokenReplayed
    /// Nothing was written since the token was made.
    case tokenIsNewest
}
