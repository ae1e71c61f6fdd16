import Glibc

/// Rests a plain thread of the worker's own; never called on the event loop's.
enum Pause {
  static func milliseconds(_ count: Int) { usleep(UInt32(max(0, count)) * 1000) }
}
