import Glibc
import Sluice

/// What an operator should know, one line each on standard error; from any thread.
public struct WorkerLog: Sendable {
  public init() {}

  /// Writes one line in one call, so that lines of several threads do not mix.
  public func say(_ message: String) {
    var line = Timestamp.now().rfc3339 + " " + message + "\n"
    line.withUTF8 { bytes in
      _ = write(2, bytes.baseAddress, bytes.count)
    }
  }
}
