import Testing

@testable import Sluice

@Suite("RetryPolicy")
struct RetryPolicyTests {
  @Test("waits double from 0.1 s up to 30 s, and never overflow")
  func bounds() {
    let policy = RetryPolicy()
    let longest = [1, 2, 3, 4, 9, 10, 11, 1000, .max].map { policy.longestDelay(attempt: $0) }
    #expect(longest == [0.1, 0.2, 0.4, 0.8, 25.6, 30, 30, 30, 30])
  }

  @Test("a wait is spread over the whole range, from nothing to its upper end")
  func jitter() {
    let policy = RetryPolicy(baseSeconds: 1, ceilingSeconds: 3)
    #expect(policy.delay(attempt: 1, random: 0) == 0)
    #expect(policy.delay(attempt: 2, random: 0.5) == 1)
    #expect(policy.delay(attempt: 3, random: 0.5) == 1.5)
    #expect(policy.delay(attempt: 9, random: 0.999) < 3)
  }

  @Test("what may pass by itself is tried again, extended codes as their primary one")
  func retryable() {
    // BUSY, BUSY_SNAPSHOT, BUSY_TIMEOUT, LOCKED, NOMEM, IOERR, IOERR_FSYNC, FULL, CANTOPEN,
    // PROTOCOL, SCHEMA, ABORT_ROLLBACK
    for code: Int32 in [5, 517, 773, 6, 7, 10, 1034, 13, 14, 15, 17, 516] {
      #expect(RetryPolicy.isRetryable(sqliteCode: code), "\(code)")
    }
    // OK, ERROR, INTERNAL, PERM, ABORT, READONLY, INTERRUPT, CORRUPT, IOERR_CORRUPTFS, TOOBIG,
    // CONSTRAINT_UNIQUE, MISMATCH, MISUSE, AUTH, RANGE, NOTADB
    for code: Int32 in [0, 1, 2, 3, 4, 8, 9, 11, 8458, 18, 2067, 20, 21, 23, 25, 26] {
      #expect(!RetryPolicy.isRetryable(sqliteCode: code), "\(code)")
    }
  }
}

@Suite("AttemptState")
struct AttemptStateTests {
  @Test("a job is tried once and as often again as it has retries, then given up")
  func retries() {
    var state = AttemptState(retriesMax: 2, policy: RetryPolicy(baseSeconds: 1))
    var waits: [AttemptState.FailAction] = []
    for _ in 1...3 {
      state.started()
      waits.append(state.failed(retryable: true, random: 0.5))
    }
    #expect(waits == [.retry(after: 0.5), .retry(after: 1), .giveUp])
    #expect(state.attempts == 3 && state.phase == .over)
  }

  @Test("an error not worth retrying ends it at once, retries or not")
  func final() {
    var state = AttemptState(retriesMax: 5)
    state.started()
    let action = state.failed(retryable: false, random: 0)
    #expect(action == .giveUp)
    #expect(state.attempts == 1 && state.failures == 1)
  }

  @Test("being preempted or replayed costs neither attempts nor retries")
  func withdrawn() {
    var state = AttemptState(retriesMax: 1)
    for _ in 1...10 {
      state.started()
      state.withdrawn()
    }
    #expect(state.attempts == 0 && state.phase == .waiting)
    state.started()
    let action = state.failed(retryable: true, random: 0)
    #expect(action == .retry(after: 0))
    state.started()
    state.succeeded()
    #expect(state.attempts == 2 && state.phase == .over)
  }
}
