import TestSupport
import Testing

/// The built programs and real servers, as a user has them. One test at a time: each needs all the cores.
@Suite("Acceptance", .serialized, .ownThread)
enum Acceptance {}
