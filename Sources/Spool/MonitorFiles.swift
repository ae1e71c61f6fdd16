import CSystem
import Glibc

extension Directory {
  /// Replaces `name` by a file with this content, whole, through the scratch `.NAME.tmp`; not made
  /// durable. A mode that is given holds whatever the umask.
  public func replace(
    _ name: String, with bytes: [UInt8], mode: UInt32? = nil
  ) throws(FileError) {
    let scratch = "." + name + ".tmp"
    let file = try create(scratch, mode: mode ?? 0o640)
    if let mode { try file.setMode(mode) }
    try file.write(bytes)
    try rename(scratch, to: self, name)
  }

  /// Adds bytes to the end of `name`, which is made if it is not there. Once it holds `bytesMax`, it
  /// becomes `NAME.1`, replacing an older one, and a new one begins.
  public func append(
    _ bytes: [UInt8], to name: String, rotatingAt bytesMax: Int64, mode: UInt32 = 0o640
  ) throws(FileError) {
    if let status = try status(name), status.size >= bytesMax {
      try rename(name, to: self, name + ".1")
    }
    let flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC
    let opened = SystemResult { Int(sluice_openat(descriptor, name, flags, mode)) }
    let file = file(Int32(try opened.get(.open, pathOf(name))), name)
    try file.write(bytes)
  }
}
