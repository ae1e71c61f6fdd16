import Glibc

/// What a system call gave: its value, or the errno it failed with.
struct SystemResult {
  /// The value if 0 or more, else the negative errno: the kernel's own convention.
  let raw: Int

  init(failure errno: Int32) { raw = -Int(errno) }

  /// Runs a call that returns −1 and sets errno on failure, again as long as a signal interrupts it.
  /// The only place of this module that reads `errno`.
  @inline(__always)
  init(_ call: () -> Int) {
    while true {
      let value = call()
      if value >= 0 {
        raw = value
        return
      }
      let code = Glibc.errno
      if code != EINTR {
        raw = -Int(code)
        return
      }
    }
  }

  var succeeded: Bool { raw >= 0 }

  /// 0 where the call succeeded.
  var errno: Int32 { raw < 0 ? Int32(-raw) : 0 }

  /// The value, or the failure as an error about `path`.
  @inline(__always)
  @discardableResult
  func get(
    _ operation: FileOperation, _ path: @autoclosure () -> String
  ) throws(FileError) -> Int {
    if raw >= 0 { return raw }
    throw FileError(operation, path: path(), errno: errno)
  }
}
