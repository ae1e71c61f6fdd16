import Glibc

/// Another process as an operator knows it: what a message names it by.
public struct ForeignProcess: Sendable, Equatable, CustomStringConvertible {
  public enum State: Sendable, Equatable {
    case running
    case sleeping
    /// In a call that cannot be interrupted, as a rule of the disk or of NFS.
    case waitingForDisk
    /// By SIGSTOP or a terminal's Ctrl-Z: it holds its locks until it goes on.
    case stopped
    case traced
    /// Dead, and not yet collected by its parent; its locks are gone.
    case zombie
    case other(UInt8)

    init(letter: UInt8) {
      switch letter {
      case UInt8(ascii: "R"): self = .running
      case UInt8(ascii: "S"), UInt8(ascii: "I"): self = .sleeping
      case UInt8(ascii: "D"): self = .waitingForDisk
      case UInt8(ascii: "T"): self = .stopped
      case UInt8(ascii: "t"): self = .traced
      case UInt8(ascii: "Z"), UInt8(ascii: "X"): self = .zombie
      default: self = .other(letter)
      }
    }

    public var description: String {
      switch self {
      case .running: "running"
      case .sleeping: "sleeping"
      case .waitingForDisk: "waiting for a disk"
      case .stopped: "stopped"
      case .traced: "stopped by a debugger"
      case .zombie: "dead"
      case .other(let letter): "state " + String(UnicodeScalar(letter))
      }
    }
  }

  public var pid: Int32
  /// The program's name, as the kernel keeps it: at most 15 bytes.
  public var name: String
  /// Its arguments with spaces between, at most 120 characters; the name in brackets if it has none.
  public var command: String
  public var state: State

  public init(pid: Int32, name: String, command: String, state: State) {
    self.pid = pid
    self.name = name
    self.command = command
    self.state = state
  }

  /// Asks the system; nil if there is no such process, or it hides it.
  public init?(pid: Int32) {
    guard let status = readSystemFile("/proc/\(pid)/stat") else { return nil }
    let arguments = readSystemFile("/proc/\(pid)/cmdline") ?? []
    self.init(pid: pid, stat: status, arguments: arguments)
  }

  /// From the text of `/proc/PID/stat` and `/proc/PID/cmdline`.
  init?(pid: Int32, stat: [UInt8], arguments: [UInt8]) {
    // "4711 (name) S …": the name itself may hold brackets and spaces, so the last one counts.
    guard let open = stat.firstIndex(of: UInt8(ascii: "(")),
      let close = stat.lastIndex(of: UInt8(ascii: ")")), open < close, close + 2 < stat.count
    else { return nil }
    let name = Self.printable(stat[(open + 1)..<close])
    let words = arguments.split(separator: 0).map(Self.printable)
    let line = words.joined(separator: " ")
    let command = line.count > 120 ? line.prefix(119) + "…" : line[...]
    self.init(
      pid: pid, name: name, command: words.isEmpty ? "[\(name)]" : String(command),
      state: State(letter: stat[close + 2]))
  }

  /// `process 4711 (python3 load.py, sleeping)`
  public var description: String { "process \(pid) (\(command), \(state.description))" }

  /// Control characters would break a message's line, or a terminal.
  private static func printable(_ bytes: ArraySlice<UInt8>) -> String {
    String(decoding: bytes.map { $0 < 0x20 || $0 == 0x7f ? UInt8(ascii: " ") : $0 }, as: UTF8.self)
  }
}

/// The bytes of a file under `/proc`, which has no size to ask for; nil where it cannot be read.
public func readSystemFile(_ path: String) -> [UInt8]? {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return nil }
  defer { close(descriptor) }
  var bytes: [UInt8] = []
  // In one large read where possible: the kernel's list may change between two.
  var buffer = [UInt8](repeating: 0, count: 65_536)
  while true {
    let count = read(descriptor, &buffer, buffer.count)
    if count > 0 {
      bytes += buffer[..<count]
    } else if count == 0 {
      return bytes
    } else if errno != EINTR {
      return nil
    }
  }
}
