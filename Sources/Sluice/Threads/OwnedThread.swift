import CSystem
import Glibc

/// One POSIX thread that runs one closure; SQLite lives on these, since it blocks.
///
/// Signals meant for the process (SIGTERM, SIGHUP, SIGIO…) are blocked on it: they are the event
/// loop's, and cut short none of its system calls.
public final class OwnedThread: Sendable {
  /// As `ps -L`, `top -H` and a debugger show it: the first 15 bytes of the name given.
  public let name: String
  private let thread: pthread_t
  private let joined = Monitor(false)

  /// Starts the thread at once.
  ///
  /// - Parameter body: runs to its end on the new thread; stop it by means of its own, then `join`.
  /// - Throws: when the system gives no more threads.
  public init(name: String, _ body: @escaping @Sendable () -> Void) throws(ThreadError) {
    let short = Self.shortened(name)
    let start = Unmanaged.passRetained(ThreadStart(name: short, body: body))
    var blocked = Self.processSignals()
    var before = sigset_t()
    // A new thread inherits the mask, so that there is no moment at which it could take a signal.
    pthread_sigmask(SIG_BLOCK, &blocked, &before)
    var thread = pthread_t()
    let code = pthread_create(&thread, nil, runThread, start.toOpaque())
    pthread_sigmask(SIG_SETMASK, &before, nil)
    guard code == 0 else {
      start.release()
      throw ThreadError(name: name, errno: code)
    }
    self.name = short
    self.thread = thread
  }

  /// A thread whose owner is gone ends by itself and is cleaned up by the system.
  deinit {
    if !joined.withLock({ $0 }) { pthread_detach(thread) }
  }

  /// Waits until the closure has returned. May be called more than once and by several threads,
  /// but not by the thread itself, which traps.
  public func join() {
    precondition(!isCurrent, "thread \(name) joins itself")
    // Held while waiting: a second caller returns no earlier than the first.
    joined.withLock { joined in
      if joined { return }
      let code = pthread_join(thread, nil)
      precondition(code == 0, "pthread_join of \(name): errno \(code)")
      joined = true
    }
  }

  /// Whether the caller runs on this thread; without meaning once it was joined.
  public var isCurrent: Bool { pthread_equal(thread, pthread_self()) != 0 }

  /// The kernel keeps 15 bytes; cut between characters, so that it stays UTF-8.
  private static func shortened(_ name: String) -> String {
    var short = name
    while short.utf8.count > 15 { short.removeLast() }
    return short
  }

  /// All signals but those a thread raises by its own fault, which must stay fatal where they
  /// happen, and the profiler's.
  private static func processSignals() -> sigset_t {
    var set = sigset_t()
    sigfillset(&set)
    for own in [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF] {
      sigdelset(&set, own)
    }
    return set
  }
}

/// The system gave no thread.
public struct ThreadError: Error, Sendable, Equatable {
  public var name: String
  /// EAGAIN: the limit on threads or memory (`ulimit -u`, cgroup `pids.max`) is reached.
  public var errno: Int32
}

/// What the new thread is handed through C's one pointer; released there.
private final class ThreadStart: Sendable {
  let name: String
  let body: @Sendable () -> Void

  init(name: String, body: @escaping @Sendable () -> Void) {
    self.name = name
    self.body = body
  }
}

private func runThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let argument else { preconditionFailure("thread started without its closure") }
  let start = Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue()
  sluice_name_thread(start.name)
  start.body()
  return nil
}
