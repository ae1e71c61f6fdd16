import Glibc
import Sluice

/// Reads a claimed file from front to back into one buffer, and knows whether it is still the file
/// that was claimed.
///
/// Holds what has not been consumed yet, and a piece more; grows only where one unit (a line, a
/// statement) is longer than that. One thread.
final class FilePieces {
  /// Bytes read at once: large enough that a system call costs nothing beside what is done with
  /// them.
  static let pieceBytes = 256 << 10

  private let directory: Directory
  private let name: String
  private let file: OpenFile
  private let claimed: FileIdentity
  private var buffer: UnsafeMutableRawBufferPointer
  /// What the buffer holds of the file: bytes `start..<end` of it, from `base` of the file on.
  private var start = 0
  private var end = 0
  /// Place in the file of what stands at `start`.
  private(set) var offset: Int64
  private(set) var isAtEnd = false

  /// - Throws: `.changed` where it is not the file of that identity any more.
  init(
    _ directory: Directory, _ name: String, claimed: FileIdentity, at offset: Int64 = 0
  ) throws(StreamFailure) {
    self.directory = directory
    self.name = name
    self.claimed = claimed
    self.offset = offset
    do throws(FileError) {
      file = try directory.open(name)
    } catch {
      throw StreamFailure(error)
    }
    buffer = .allocate(byteCount: Self.pieceBytes, alignment: 16)
    try check()
  }

  deinit { buffer.deallocate() }

  /// What is there and not consumed.
  var bytes: UnsafeBufferPointer<UInt8> {
    UnsafeRawBufferPointer(rebasing: buffer[start..<end]).assumingMemoryBound(to: UInt8.self)
  }

  /// Steps over the first bytes of what is there.
  func consume(_ count: Int) {
    start += count
    offset += Int64(count)
  }

  /// Steps over a hole of a sparse file where nothing is there, since it holds no line's end: one of
  /// 1 TiB takes an hour to read, and nothing to make.
  func skipHole() {
    if start == end { offset = file.nextData(from: offset) }
  }

  /// Reads on; what is there stays there.
  /// - Returns: false at the end of the file.
  func readMore() throws(StreamFailure) -> Bool {
    if isAtEnd { return false }
    makeRoom()
    do throws(FileError) {
      let place = offset + Int64(end - start)
      let count = try file.read(
        into: UnsafeMutableRawBufferPointer(rebasing: buffer[end...]), at: place)
      end += count
      isAtEnd = count == 0
      return count > 0
    } catch {
      throw StreamFailure(error)
    }
  }

  private func makeRoom() {
    if start > 0 {
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[start..<end]))
      end -= start
      start = 0
    }
    if buffer.count - end >= Self.pieceBytes / 2 { return }
    let larger = UnsafeMutableRawBufferPointer.allocate(
      byteCount: buffer.count * 2, alignment: 16)
    larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[..<end]))
    buffer.deallocate()
    buffer = larger
  }

  /// - Throws: `.changed` where the file was changed, or another one stands under its name.
  func check() throws(StreamFailure) {
    do throws(FileError) {
      let own = try file.status()
      let named = try directory.status(name)
      guard own.size == claimed.size, own.modified == claimed.modified, own.inode == claimed.inode,
        let named, named.isSameFile(as: own)
      else {
        throw FileError(.read, path: directory.pathOf(name), errno: ESTALE)
      }
    } catch {
      throw StreamFailure(error)
    }
  }

  /// Hash of the last bytes before a place in the file.
  func tail(before place: Int64) throws(StreamFailure) -> UInt64 {
    let count = Int(min(place, Int64(BatchPlace.tailBytes)))
    var bytes = [UInt8](repeating: 0, count: count)
    var failure: FileError?
    var got = 0
    bytes.withUnsafeMutableBytes { raw in
      do throws(FileError) {
        while got < count {
          let rest = UnsafeMutableRawBufferPointer(rebasing: raw[got...])
          let more = try file.read(into: rest, at: place - Int64(count - got))
          if more == 0 { break }
          got += more
        }
      } catch {
        failure = error
      }
    }
    if let failure { throw StreamFailure(failure) }
    return ContentHash.of(bytes.prefix(got))
  }
}

extension StreamFailure {
  /// A disk that fails may work again; whatever else keeps a claimed file from being read is
  /// somebody's doing.
  init(_ error: FileError) {
    switch error.errno {
    case ESTALE, ENOENT:
      self = .changed("the job's file was changed or replaced after it was claimed")
    default: self = error.isStorage ? .unreadable("\(error)") : .changed("\(error)")
    }
  }
}
