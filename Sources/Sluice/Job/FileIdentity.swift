/// What tells one file from every other one that ever had its name, across a power failure.
///
/// Inode and birth time alone identify nothing (ext4 hands the same inode, and within one tick the
/// same birth time, to the next file), so the content's hash is part of it.
public struct FileIdentity: Sendable, Hashable {
  public var device: UInt64
  public var inode: UInt64
  /// Nanoseconds since 1970; 0 where the file system keeps none.
  public var birth: Int64
  /// Nanoseconds since 1970.
  public var modified: Int64
  public var size: Int64
  /// `ContentHash` of all its bytes.
  public var hash: UInt64

  public init(
    device: UInt64, inode: UInt64, birth: Int64, modified: Int64, size: Int64, hash: UInt64
  ) {
    self.device = device
    self.inode = inode
    self.birth = birth
    self.modified = modified
    self.size = size
    self.hash = hash
  }

  /// Whether there is nothing in it but zero bytes: a job is never that, but a file whose data a
  /// power failure took is.
  public var isBlank: Bool { hash == ContentHash.ofZeros(size) }
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo): recognises equal content; no defence against an adversary.
public struct ContentHash: Sendable {
  public private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

  public init() {}

  /// Not generic, so that other modules run it as compiled here: an unspecialised loop costs twenty
  /// times as much for each byte.
  public mutating func update(_ bytes: UnsafeBufferPointer<UInt8>) {
    var hash = value
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    value = hash
  }

  public mutating func update(_ bytes: some Sequence<UInt8>) {
    let done: Void? = bytes.withContiguousStorageIfAvailable { update($0) }
    if done != nil { return }
    for byte in bytes { value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
  }

  /// Of that many zero bytes.
  public static func ofZeros(_ count: Int64) -> UInt64 {
    var hash = ContentHash().value
    var factor: UInt64 = 0x0000_0100_0000_01b3
    var rest = UInt64(max(0, count))
    while rest > 0 {
      if rest & 1 == 1 { hash = hash &* factor }
      factor = factor &* factor
      rest >>= 1
    }
    return hash
  }

  public static func of(_ bytes: some Sequence<UInt8>) -> UInt64 {
    var hash = ContentHash()
    hash.update(bytes)
    return hash.value
  }
}
