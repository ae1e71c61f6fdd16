import Testing

/// Tests that kill workers; one after the other, since each measures what a kill leaves.
@Suite("Crashes", .serialized) enum CrashTests {}
