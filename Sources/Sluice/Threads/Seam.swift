import Glibc
import Synchronization

/// Names the points between the steps of a job; tests, crash points and metrics say the same words.
///
/// In a release build `reached` is empty. In a debug build the environment variable
/// `SLUICE_CRASH_AT=committed:17` kills the process with SIGKILL when that seam is reached for the
/// 17th time (without a number: the first), as `kill -9` or a failing machine would.
public enum Seam: String, CaseIterable, Sendable {
  /// A job file has been renamed into `active/`.
  case claimed
  /// A transaction with the job in it has begun.
  case begun
  /// That transaction is durable.
  case committed
  /// The result file stands under its name.
  case published
  /// The result's data is durable and its ledger row says so.
  case settled

  /// Says that `seam` has just been passed. Callable from any thread.
  @inlinable
  @inline(__always)
  public static func reached(_ seam: Seam) {
    #if DEBUG
      CrashPoint.passed(seam)
    #endif
  }
}

#if DEBUG
  /// The seam at which the environment asks this process to die, and how often it was passed.
  @usableFromInline
  struct CrashPoint: Sendable, Equatable {
    var seam: Seam
    /// Which passing kills, from 1.
    var count: Int

    init(seam: Seam, count: Int) {
      self.seam = seam
      self.count = count
    }

    /// Parses `SEAM` or `SEAM:COUNT`; nil for anything else.
    init?(_ text: String) {
      let parts = text.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count <= 2, let seam = Seam(rawValue: String(parts[0])) else { return nil }
      guard parts.count == 2 else {
        self.init(seam: seam, count: 1)
        return
      }
      guard let count = Int(parts[1]), count > 0 else { return nil }
      self.init(seam: seam, count: count)
    }

    private static let configured: CrashPoint? = getenv("SLUICE_CRASH_AT").map {
      let text = String(cString: $0)
      guard let point = CrashPoint(text) else {
        // A typing error must not turn a crash test into one that passes without a crash.
        preconditionFailure("SLUICE_CRASH_AT=\(text): not SEAM or SEAM:COUNT")
      }
      return point
    }

    private static let passings = Atomic<Int>(0)

    @usableFromInline
    static func passed(_ seam: Seam) {
      guard let configured, configured.seam == seam else { return }
      let passing = passings.wrappingAdd(1, ordering: .relaxed).newValue
      if passing == configured.count { kill(getpid(), SIGKILL) }
    }
  }
#endif
