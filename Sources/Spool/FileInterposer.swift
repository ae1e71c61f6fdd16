#if DEBUG
  import Glibc
  import Sluice

  /// Stands between the spool and the file system in debug builds: records the operations below one
  /// directory and makes chosen ones fail. Release builds have no trace of it.
  ///
  /// Directories look it up by their path when they are opened, so it is installed before the
  /// layout is opened. Several threads may pass through it.
  public final class FileInterposer: Sendable {
    /// An operation that succeeded, with what is needed to do it again elsewhere.
    public struct Record: Sendable, Equatable {
      public var operation: FileOperation
      public var path: String
      /// Where a rename leads.
      public var destination: String?
      /// Where a write begins, in bytes; nil goes on from the last one.
      public var offset: Int64?
      /// What a write wrote.
      public var bytes: [UInt8] = []
    }

    /// Makes operations of one kind fail.
    public struct Fault: Sendable {
      public var operation: FileOperation
      /// The first operation of this kind that fails, counted from 1.
      public var number: Int
      /// How many fail from there; `Int.max` for all that follow.
      public var count: Int
      public var errno: Int32
      /// Only operations on paths that contain this are counted.
      public var pathPart: String

      public init(
        _ operation: FileOperation, number: Int = 1, count: Int = 1, errno: Int32,
        pathPart: String = ""
      ) {
        self.operation = operation
        self.number = number
        self.count = count
        self.errno = errno
        self.pathPart = pathPart
      }
    }

    private struct State {
      var faults: [(fault: Fault, seen: Int)] = []
      var records: [Record] = []
      var isRecording = false
    }

    private let state = Monitor(State())

    public init() {}

    /// What succeeded since recording began, in order.
    public var records: [Record] { state.withLock { $0.records } }

    public func startRecording() { state.withLock { $0.isRecording = true } }

    public func add(_ fault: Fault) { state.withLock { $0.faults.append((fault, 0)) } }

    public func clearFaults() { state.withLock { $0.faults.removeAll() } }

    /// The errno this operation is to fail with, or 0.
    func fault(_ operation: FileOperation, _ path: String) -> Int32 {
      state.withLock { state in
        for index in state.faults.indices {
          let fault = state.faults[index].fault
          let concerned = fault.pathPart.isEmpty || strstr(path, fault.pathPart) != nil
          guard fault.operation == operation, concerned else { continue }
          state.faults[index].seen += 1
          let past = state.faults[index].seen - fault.number
          if past >= 0, past < fault.count { return fault.errno }
        }
        return 0
      }
    }

    func succeeded(_ record: @autoclosure () -> Record) {
      state.withLock { state in
        if state.isRecording { state.records.append(record()) }
      }
    }

    // MARK: Installation

    private static let installed = Monitor<[(root: String, interposer: FileInterposer)]>([])

    /// From now on, directories opened at or below `root` pass through this interposer.
    public func install(under root: String) {
      Self.installed.withLock { $0.append((root, self)) }
    }

    public func uninstall() {
      Self.installed.withLock { $0.removeAll { $0.interposer === self } }
    }

    static func responsible(for path: String) -> FileInterposer? {
      let found = installed.withLock { list in
        list.last { path == $0.root || path.hasPrefix($0.root + "/") }?.interposer
      }
      return found ?? ofEnvironment
    }

    /// `SLUICE_FAULT=write:3:28` lets the third write of this process fail with errno 28;
    /// `write:3+:28` every write from the third.
    private static let ofEnvironment: FileInterposer? = getenv("SLUICE_FAULT").map {
      let text = String(cString: $0)
      let parts = text.split(separator: ":")
      guard parts.count == 3, let operation = FileOperation(rawValue: String(parts[0])),
        let number = Int(parts[1].hasSuffix("+") ? parts[1].dropLast() : parts[1]),
        let errno = Int32(parts[2])
      else { preconditionFailure("SLUICE_FAULT=\(text): not OPERATION:NUMBER[+]:ERRNO") }
      let interposer = FileInterposer()
      let count = parts[1].hasSuffix("+") ? Int.max : 1
      interposer.add(Fault(operation, number: number, count: count, errno: errno))
      return interposer
    }
  }
#endif
