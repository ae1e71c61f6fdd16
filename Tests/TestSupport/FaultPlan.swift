#if DEBUG
  import Glibc
  import Spool
  import Synchronization

  /// Which file operations of one spool fail, and a recording of those that did not.
  ///
  /// Made before the spool's layout is opened:
  /// `let plan = FaultPlan(); let spool = try TemporarySpool(plan.install)`.
  public final class FaultPlan: Sendable {
    public let interposer = FileInterposer()
    private let root = Mutex("")

    public init() {}

    deinit { interposer.uninstall() }

    public func install(under path: String) {
      root.withLock { $0 = path }
      interposer.install(under: path)
    }

    /// Lets the `number`th operation of that kind (from now on, from 1) fail, and `count` in all.
    public func fail(
      _ operation: FileOperation, number: Int = 1, count: Int = 1, errno: Int32,
      on pathPart: String = ""
    ) {
      interposer.add(
        .init(operation, number: number, count: count, errno: errno, pathPart: pathPart))
    }

    /// From now on nothing fails.
    public func mend() { interposer.clearFaults() }

    /// What has changed the spool since `startRecording`, in order.
    public var changes: [FileInterposer.Record] {
      interposer.records.filter {
        switch $0.operation {
        case .create, .write, .rename, .unlink, .makeDirectory, .sync, .syncFileSystem: true
        case .open, .status, .read, .list, .lease, .lock: false
        }
      }
    }

    /// Does the first `count` recorded changes again in another spool: the state that a kill after
    /// that many would have left.
    public func replay(_ count: Int, in spool: TemporarySpool) throws {
      let from = root.withLock { $0 }
      func moved(_ path: String) -> String { spool.path + path.dropFirst(from.utf8.count) }
      for record in changes.prefix(count) {
        let path = moved(record.path)
        switch record.operation {
        case .create: try write([], to: path, flags: O_CREAT | O_TRUNC, at: 0)
        case .write where record.offset == nil:
          try write(record.bytes, to: path, flags: O_CREAT | O_APPEND, at: 0)
        case .write: try write(record.bytes, to: path, flags: O_CREAT, at: record.offset ?? 0)
        case .rename: _ = rename(path, record.destination.map(moved) ?? path)
        case .unlink: _ = unlink(path)
        case .makeDirectory: _ = mkdir(path, 0o750)
        default: continue
        }
      }
    }

    private func write(_ bytes: [UInt8], to path: String, flags: Int32, at offset: Int64) throws {
      let file = open(path, O_WRONLY | flags, 0o640)
      guard file >= 0 else { throw FileError(.open, path: path, errno: errno) }
      defer { close(file) }
      if offset > 0 { lseek(file, off_t(offset), SEEK_SET) }
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
        guard count > 0 else { throw FileError(.write, path: path, errno: errno) }
        rest = rest.dropFirst(count)
      }
    }
  }
#endif
