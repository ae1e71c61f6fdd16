import Glibc
import TestSupport
import Testing

@testable import Spool

@Suite("The spool's directory")
struct SpoolLayoutTests {
  private func error(_ body: () throws(SpoolError) -> Void) -> SpoolError? {
    do throws(SpoolError) { try body() } catch { return error }
    return nil
  }

  @Test("init makes every directory, for others closed")
  func makesAll() throws {
    let spool = try TemporarySpool()
    let made = spool.names(spool.layout.root)
    #expect(
      made == ["active", "data", "failed", "hold", "incoming", "monitor", "results", "tmp"])
    #expect(
      spool.names(spool.layout.incoming(.root))
        == ["bulk", "control", "high", "low", "normal", "urgent"])
    var status = stat()
    #expect(stat(spool.path + "/incoming/urgent", &status) == 0)
    #expect(status.st_mode & 0o7777 & ~0o750 == 0)
    try spool.layout.checkWritable()
  }

  @Test("run makes what is missing, other commands name it")
  func makesMissing() throws {
    let spool = try TemporarySpool()
    rmdir(spool.path + "/incoming/low")
    let missing = error { () throws(SpoolError) in
      _ = try SpoolLayout(path: spool.path, missing: .refuse)
    }
    #expect(missing?.kind == .missing)
    #expect(missing?.message == "\(spool.path) is no spool: it has no incoming/low/")
    _ = try SpoolLayout(path: spool.path, missing: .makeParts)
    #expect(spool.names(spool.layout.incoming(.root)).contains("low"))
  }

  @Test("what is wrong with the place is said in one line, with what to do")
  func wrongPlaces() throws {
    let spool = try TemporarySpool()
    let nowhere = error { () throws(SpoolError) in
      _ = try SpoolLayout(path: spool.path + "/none", missing: .makeParts)
    }
    #expect(nowhere?.description.contains("sluice init \(spool.path)/none") == true)
    try spool.drop("file")
    let file = spool.path + "/incoming/file"
    let noDirectory = error { () throws(SpoolError) in
      _ = try SpoolLayout(path: file, missing: .makeAll)
    }
    #expect(noDirectory == SpoolError(.notADirectory, "\(file) is not a directory"))
    rmdir(spool.path + "/hold")
    symlink(file, spool.path + "/hold")
    let part = error { () throws(SpoolError) in
      _ = try SpoolLayout(path: spool.path, missing: .makeParts)
    }
    #expect(part?.kind == .notADirectory)
    let readOnly = error { () throws(SpoolError) in
      _ = try SpoolLayout(path: "/proc/sluice-spool", missing: .makeAll)
    }
    #expect(readOnly != nil)
  }

  @Test("directories on different file systems are refused, since a rename needs one")
  func differentFileSystems() throws {
    let other = "/dev/shm/sluice-test-\(getpid())"
    guard mkdir(other, 0o700) == 0 else { return }
    defer { TemporarySpool.remove(other) }
    let spool = try TemporarySpool()
    var here = stat()
    var there = stat()
    stat(spool.path, &here)
    stat(other, &there)
    guard here.st_dev != there.st_dev else { return }
    rmdir(spool.path + "/results")
    symlink(other, spool.path + "/results")
    let refused = error { () throws(SpoolError) in
      _ = try SpoolLayout(path: spool.path, missing: .refuse)
    }
    #expect(refused?.kind == .severalFileSystems)
    #expect(refused?.message.contains("\(spool.path)/results") == true)
  }

  #if DEBUG
    @Test("a directory that cannot be made names the errno")
    func faults() throws {
      let plan = FaultPlan()
      plan.fail(.makeDirectory, errno: ENOSPC, on: "/results")
      let failed = #expect(throws: SpoolError.self) { _ = try TemporarySpool(plan.install) }
      #expect(failed?.kind == .system(errno: ENOSPC))
      #expect(failed?.description.contains("results: No space left on device") == true)
    }
  #endif
}
