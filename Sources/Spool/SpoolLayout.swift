import Glibc
import Sluice

/// Where everything of one spool is, and the open directories: the only maker of its paths.
///
/// Immutable; any thread may use it.
public struct SpoolLayout: Sendable {
  /// The directories of a spool, in the order in which they are made.
  enum Part: String, CaseIterable {
    case tmp, incoming
    case urgent = "incoming/urgent"
    case high = "incoming/high"
    case normal = "incoming/normal"
    case low = "incoming/low"
    case bulk = "incoming/bulk"
    case control = "incoming/control"
    case hold, data, active, results, failed, monitor

    /// Whether files are renamed into it or out of it, so that it must be where `incoming/` is.
    var mustBeBesideIncoming: Bool { self != .data && self != .monitor && self != .hold }
  }

  public enum Missing: Sendable {
    /// Make the directories that are not there, and the spool's own too (`sluice init`).
    case makeAll
    /// Make the directories that are not there in a spool that is (`sluice run`).
    case makeParts
    /// Say what is missing (every other command).
    case refuse
  }

  public let root: Directory
  public let tmp: Directory
  public let hold: Directory
  public let data: Directory
  public let active: Directory
  public let results: Directory
  public let failed: Directory
  public let monitor: Directory
  private let lanes: [IncomingLane: Directory]

  public static let lockName = "sluice.lock"
  /// The spool's id; begins with a dot like everything of the worker's own.
  public static let identityName = ".id"

  public func incoming(_ lane: IncomingLane) -> Directory {
    guard let directory = lanes[lane] else { preconditionFailure("no directory of lane \(lane)") }
    return directory
  }

  /// Opens the spool at `path`. What is made has mode 0750.
  ///
  /// - Throws: a `SpoolError` whose message is one line and names the path.
  public init(path: String, missing: Missing) throws(SpoolError) {
    let root = try Self.openRoot(path, make: missing == .makeAll)
    var parts: [Part: Directory] = [:]
    for part in Part.allCases {
      parts[part] = try Self.open(part, in: root, make: missing != .refuse)
    }
    try Self.checkOneFileSystem(parts)
    func directory(_ part: Part) -> Directory {
      guard let directory = parts[part] else { preconditionFailure("\(part) was not opened") }
      return directory
    }
    self.root = root
    tmp = directory(.tmp)
    hold = directory(.hold)
    data = directory(.data)
    active = directory(.active)
    results = directory(.results)
    failed = directory(.failed)
    monitor = directory(.monitor)
    lanes = [
      .root: directory(.incoming), .urgent: directory(.urgent), .high: directory(.high),
      .normal: directory(.normal), .low: directory(.low), .bulk: directory(.bulk),
      .control: directory(.control),
    ]
  }

  /// Whether the worker can do its work here; a monitor or a producer need less.
  ///
  /// - Throws: `.readOnly`, or `.system` where this user may not write.
  public func checkWritable() throws(SpoolError) {
    let written = [root, active, results, failed, monitor] + IncomingLane.allCases.map(incoming)
    for directory in written {
      switch directory.tryWritable().errno {
      case 0: continue
      case EROFS:
        throw SpoolError(
          .readOnly, "\(directory.path) is on a read-only file system",
          hint: "mount it read-write, or put the spool elsewhere")
      case let errno:
        throw SpoolError(FileError(.write, path: directory.path, errno: errno))
      }
    }
  }

  private static func openRoot(_ path: String, make: Bool) throws(SpoolError) -> Directory {
    if make {
      let made = SystemResult { Int(mkdir(path, 0o750)) }
      guard made.succeeded || made.errno == EEXIST else {
        throw made.errno == EROFS
          ? SpoolError(.readOnly, "cannot make \(path): its file system is read-only")
          : SpoolError(FileError(.makeDirectory, path: path, errno: made.errno))
      }
    }
    do throws(FileError) {
      return try Directory(path: path)
    } catch {
      switch error.errno {
      case ENOENT:
        throw SpoolError(
          .missing, "there is no spool at \(path)", hint: "make it with: sluice init \(path)")
      case ENOTDIR: throw SpoolError(.notADirectory, "\(path) is not a directory")
      default: throw SpoolError(error)
      }
    }
  }

  private static func open(
    _ part: Part, in root: Directory, make: Bool
  ) throws(SpoolError) -> Directory {
    let name = part.rawValue
    do throws(FileError) {
      if make { try root.makeDirectory(name) }
      return try root.directory(name)
    } catch {
      switch error.errno {
      case ENOENT:
        throw SpoolError(
          .missing, "\(root.path) is no spool: it has no \(name)/",
          hint: "make it with: sluice init \(root.path)")
      case ENOTDIR: throw SpoolError(.notADirectory, "\(error.path) is not a directory")
      case EROFS:
        throw SpoolError(.readOnly, "cannot make \(error.path): its file system is read-only")
      default: throw SpoolError(error)
      }
    }
  }

  /// A rename moves a file only within one file system, and only within one mount of it.
  private static func checkOneFileSystem(_ parts: [Part: Directory]) throws(SpoolError) {
    do throws(FileError) {
      var first: FileStatus?
      for part in Part.allCases where part.mustBeBesideIncoming {
        guard let directory = parts[part] else { continue }
        let status = try directory.status()
        let expected = first ?? status
        first = expected
        guard status.device == expected.device, status.mount == expected.mount else {
          let tmp = parts[.tmp]?.path ?? "tmp"
          throw FileError(.rename, path: "\(tmp) to \(directory.path)", errno: EXDEV)
        }
      }
    } catch {
      guard error.errno == EXDEV else { throw SpoolError(error) }
      throw SpoolError(
        .severalFileSystems, "files cannot be renamed from \(error.path)", hint: error.hint)
    }
  }
}
