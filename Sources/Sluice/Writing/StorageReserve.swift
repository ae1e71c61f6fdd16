import CSystem
import Glibc

/// A megabyte kept back beside the database: a full disk leaves the WAL as large as it grew, and
/// even emptying it needs room, which giving this up makes.
struct StorageReserve {
  static let bytes: off_t = 1 << 20
  private let path: String

  init(beside database: String) { path = database + "-sluice-reserve" }

  /// Gives the room up.
  func release() { unlink(path) }

  /// Takes the room (again); also the probe of whether the disk has as much again for jobs, without
  /// which giving up and taking back the same megabyte would look like room.
  /// - Returns: false where it has not; nothing is kept back then.
  func take() -> Bool {
    let descriptor = sluice_openat(AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    guard posix_fallocate(descriptor, 0, 2 * Self.bytes) == 0,
      ftruncate(descriptor, Self.bytes) == 0
    else {
      unlink(path)
      return false
    }
    return true
  }
}
