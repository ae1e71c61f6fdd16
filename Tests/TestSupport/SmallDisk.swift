import Foundation

/// A file system of a few MiB of its own.
public final class SmallDisk {
  public let path: String

  /// nil where it may not be mounted.
  public init?(mebibytes: Int) throws {
    path = try TemporarySpool.makeDirectory()
    guard try Self.run("mount", "-t", "tmpfs", "-o", "size=\(mebibytes)m", "tmpfs", path) else {
      TemporarySpool.remove(path)
      return nil
    }
  }

  deinit {
    _ = try? Self.run("umount", "-l", path)
    TemporarySpool.remove(path)
  }

  public static let isPossible = getuid() == 0 && ((try? SmallDisk(mebibytes: 1)) ?? nil) != nil

  private static func run(_ words: String...) throws -> Bool {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus == 0
  }

  public func size(_ name: String) -> Int {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path + "/" + name)
    return attributes?[.size] as? Int ?? 0
  }

  /// Takes all room but what is asked for.
  public func fill(leaving bytes: Int) throws {
    let file = path + "/ballast"
    guard FileManager.default.createFile(atPath: file, contents: nil) else {
      throw CocoaError(.fileWriteUnknown)
    }
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file))
    var size = 1 << 20
    while size >= 4096 {
      while (try? handle.write(contentsOf: Data(repeating: 1, count: size))) != nil {}
      size /= 2
    }
    let end = try handle.seekToEnd()
    try handle.truncate(atOffset: end - min(end, UInt64(bytes)))
    try handle.close()
  }

  /// Gives that back.
  public func empty() throws { try FileManager.default.removeItem(atPath: path + "/ballast") }
}
