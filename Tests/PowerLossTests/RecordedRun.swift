import Glibc
import JSON
import Spool
import TestSupport

/// A run of the real worker with its producers and consumers, recorded by strace.
struct RecordedRun {
  let load: PowerLoad
  let history: DiskHistory
  /// Results as the consumer saw them, by the index in the marks.
  let seen: [String]
  /// The tree that stood at the end: paths below the root, with their content.
  let end: [String: [UInt8]]
  /// The worker's executable.
  let worker: String

  /// Where trees are made: a file system in memory, if there is one.
  static let base: String = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"

  /// The worker to start: that beside the tests, or the one of `SLUICE_POWER_WORKER`.
  static let worker: String =
    getenv("SLUICE_POWER_WORKER").map { String(cString: $0) } ?? WorkerProcess.executable

  private static let calls =
    "openat,open,creat,close,write,pwrite64,pwritev,pwritev2,writev,lseek,fsync,fdatasync,syncfs,"
    + "sync,ftruncate,truncate,fallocate,copy_file_range,sendfile,splice,rename,renameat,renameat2,"
    + "unlink,unlinkat,rmdir,mkdir,mkdirat,link,linkat,symlink,symlinkat,statx,clone,clone3,"
    + "dup,dup2,dup3"

  struct Failure: Error {
    var errors: String
  }

  /// Whether strace may look on here.
  static var isPossible: Bool {
    let child = try? ChildProcess("strace", ["-f", "-o", "/dev/null", "/bin/true"])
    return child?.wait() == .exited(0)
  }

  /// A recording in which a kill cut a call short is thrown away.
  static func make() throws -> RecordedRun {
    for _ in 0..<10 {
      if let run = try RecordedRun() { return run }
    }
    throw Failure(errors: "each kill met the worker in a call")
  }

  private init?() throws {
    load = PowerLoad()
    worker = Self.worker
    let place = try Self.makeDirectory()
    defer { TemporarySpool.remove(place) }
    let directory = try Directory(path: place)
    try directory.replaceDurably("steps", with: Self.json(load.steps))
    let spool = place + "/spool"
    let script = Self.source("recorded_run.py")
    let child = try ChildProcess(
      "strace",
      [
        "-f", "-xx", "-v", "-s", "4194304", "-o", place + "/trace", "-e", "trace=" + Self.calls,
        "-e", "signal=none", "--seccomp-bpf",
        "python3", script, worker, spool, place + "/steps", place + "/seen",
      ])
    guard child.wait(within: 120) == .exited(0) else { throw Failure(errors: child.errors) }
    let trace = try TraceReader(directory.contents("trace") ?? [])
    if trace.isDoubtful { return nil }
    history = try HistoryBuilder.history(of: trace, root: spool)
    let seen = try JSONReader.parse(directory.contents("seen") ?? [])
    var texts: [String] = []
    while let text = seen[texts.count]?.string { texts.append(text) }
    self.seen = texts
    end = try Self.tree(spool)
  }

  private static func json(_ steps: [[String]]) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginArray()
    for step in steps {
      writer.beginArray()
      for word in step { writer.string(word) }
      writer.endArray()
    }
    writer.endArray()
    return writer.bytes
  }

  /// A directory that is gone when it is removed.
  static func makeDirectory() throws -> String {
    var template = Array("\(base)/sluice-power-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Failure(errors: "cannot make \(base)/…") }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The path of a file beside this one.
  static func source(_ name: String) -> String {
    #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast()
      .joined(separator: "/") + "/" + name
  }

  /// All files below a directory.
  static func tree(_ root: String) throws -> [String: [UInt8]] {
    var tree: [String: [UInt8]] = [:]
    func walk(_ path: String) throws {
      let directory = try Directory(path: root + path)
      var reader = try DirectoryReader(directory)
      while let entry = try reader.next() {
        let name = String(cString: entry.name)
        if name == "." || name == ".." { continue }
        switch try directory.status(name)?.kind {
        case .directory: try walk(path + "/" + name)
        case .regular:
          tree[String((path + "/" + name).dropFirst())] = try directory.contents(name)
        case .other, nil: break
        }
      }
    }
    try walk("")
    return tree
  }
}
