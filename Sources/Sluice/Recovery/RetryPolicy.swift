/// When a job that failed is tried again: later and later, at a random moment, within bounds.
///
/// After the n-th failure the wait is drawn evenly from 0 to `min(ceilingSeconds,
/// baseSeconds × 2^(n−1))`: exponential backoff with "full jitter" (Marc Brooker, *Exponential
/// Backoff And Jitter*, AWS Architecture Blog, 2015), which of the jitters compared there costs the
/// fewest calls when several wait for the same thing, here another process's lock or the same disk.
///
/// | after failure | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | from 10 |
/// | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
/// | at most, s | 0.1 | 0.2 | 0.4 | 0.8 | 1.6 | 3.2 | 6.4 | 12.8 | 25.6 | 30 |
///
/// Three retries, the default, so come to 0.35 s on average and 0.7 s at most, on top of what
/// each attempt itself waited for a lock.
public struct RetryPolicy: Sendable, Equatable {
  /// Longest wait after the first failure, in seconds.
  public var baseSeconds: Double
  /// Longest wait after any failure, in seconds.
  public var ceilingSeconds: Double

  /// Traps unless `0 ≤ baseSeconds ≤ ceilingSeconds`.
  public init(baseSeconds: Double = 0.1, ceilingSeconds: Double = 30) {
    precondition(baseSeconds >= 0 && ceilingSeconds >= baseSeconds, "no range to draw a wait from")
    self.baseSeconds = baseSeconds
    self.ceilingSeconds = ceilingSeconds
  }

  /// Seconds to wait after the `attempt`-th failure, from 1.
  ///
  /// - Parameter random: evenly distributed in 0 ..< 1; drawn by the caller, so that this stays
  ///   a function.
  public func delay(attempt: Int, random: Double) -> Double {
    precondition(attempt >= 1, "failures count from 1")
    precondition(random >= 0 && random < 1, "random \(random) is not in 0 ..< 1")
    return random * longestDelay(attempt: attempt)
  }

  /// The upper end of the range that `delay` draws from.
  public func longestDelay(attempt: Int) -> Double {
    // 2^63 s is past any ceiling, and more would overflow the shift.
    let doublings = min(attempt - 1, 62)
    return min(ceilingSeconds, baseSeconds * Double(Int64(1) << doublings))
  }

  /// Whether a statement that ended with this SQLite result code may succeed when it is run again
  /// unchanged.
  ///
  /// Decided by the primary code, the low eight bits:
  ///
  /// | code | again? | why |
  /// | --- | --- | --- |
  /// | `SQLITE_BUSY` 5 | yes | another process holds a lock, or a snapshot grew old |
  /// | `SQLITE_LOCKED` 6 | yes | another statement of ours still reads the table |
  /// | `SQLITE_NOMEM` 7 | yes | memory comes back when others are done |
  /// | `SQLITE_IOERR` 10 | yes | cables and networks recover (not `SQLITE_IOERR_CORRUPTFS`) |
  /// | `SQLITE_FULL` 13 | yes | somebody may make room |
  /// | `SQLITE_CANTOPEN` 14 | yes | too many open files, or a file system not mounted yet |
  /// | `SQLITE_PROTOCOL` 15 | yes | lost the race for the WAL's locks too often |
  /// | `SQLITE_SCHEMA` 17 | yes | the schema changed more often than SQLite itself repeats |
  /// | `SQLITE_ABORT_ROLLBACK` 516 | yes | the transaction went away under the statement |
  /// | `SQLITE_INTERRUPT` 9 | no | a timeout or a cancel; who interrupts to preempt knows it |
  /// | `SQLITE_CONSTRAINT` 19, `SQLITE_MISMATCH` 20, `SQLITE_TOOBIG` 18 | no | the data's fault |
  /// | `SQLITE_ERROR` 1, `SQLITE_RANGE` 25, `SQLITE_AUTH` 23 | no | the SQL's fault |
  /// | `SQLITE_CORRUPT` 11, `SQLITE_NOTADB` 26 | no | the file has to be mended first |
  /// | `SQLITE_READONLY` 8, `SQLITE_PERM` 3 | no | so have its permissions |
  /// | all others | no | never met, or a bug |
  ///
  /// - Parameter code: an extended or a primary result code.
  public static func isRetryable(sqliteCode code: Int32) -> Bool {
    switch code {
    case ResultCode.abortRollback: return true
    case ResultCode.ioErrorCorruptFileSystem: return false
    default: break
    }
    switch code & 0xff {
    case ResultCode.busy, ResultCode.locked, ResultCode.noMemory, ResultCode.ioError,
      ResultCode.full, ResultCode.cannotOpen, ResultCode.protocolError, ResultCode.schema:
      return true
    default:
      return false
    }
  }

  /// From sqlite3.h, where they are fixed for ever; here so that the policy needs no C.
  private enum ResultCode {
    static let busy: Int32 = 5
    static let locked: Int32 = 6
    static let noMemory: Int32 = 7
    static let ioError: Int32 = 10
    static let full: Int32 = 13
    static let cannotOpen: Int32 = 14
    static let protocolError: Int32 = 15
    static let schema: Int32 = 17
    static let abortRollback: Int32 = 4 | 2 << 8
    static let ioErrorCorruptFileSystem: Int32 = 10 | 33 << 8
  }
}
