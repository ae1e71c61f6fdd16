import EventLoop
import Glibc
import Testing

@Suite("DirectoryWatch") struct DirectoryWatchTests {
  private func write(_ path: String) throws {
    let descriptor = creat(path, 0o600)
    try #require(descriptor >= 0)
    Glibc.close(descriptor)
  }

  @Test("a file renamed into the directory is seen by its name")
  func renameInto() throws {
    let loop = try Loop()
    let directory = try ScratchDirectory()
    let outside = directory.path + "/outside"
    let inside = directory.path + "/inside"
    try #require(mkdir(outside, 0o700) == 0 && mkdir(inside, 0o700) == 0)
    try write(outside + "/job.json")
    let seen = Record<String?>()
    let errors = Record<LoopError>()
    let watch = try DirectoryWatch(
      on: loop, path: inside, onEvent: seen.add, onError: errors.add)
    loop.runNoWait()
    #expect(seen.entries.isEmpty)
    try #require(rename(outside + "/job.json", inside + "/job.json") == 0)
    #expect(loop.run { seen.entries.contains("job.json") })
    #expect(errors.entries.isEmpty)
    watch.close()
    try loop.close()
  }

  @Test("two watches of one directory both see an event, also when one closes in it")
  func twoWatches() throws {
    let loop = try Loop()
    let directory = try ScratchDirectory()
    let seen = Record<Int>()
    var first: DirectoryWatch?
    first = try DirectoryWatch(
      on: loop, path: directory.path,
      onEvent: { _ in
        seen.add(1)
        first = nil
      }, onError: { _ in })
    let second = try DirectoryWatch(
      on: loop, path: directory.path, onEvent: { _ in seen.add(2) }, onError: { _ in })
    try write(directory.path + "/a")
    #expect(loop.run { seen.entries.contains(2) })
    try write(directory.path + "/b")
    let count = seen.entries.count
    #expect(loop.run { seen.entries.count > count })
    #expect(seen.entries.filter { $0 == 1 }.count == 1)
    #expect(first == nil)
    second.close()
    try loop.close()
  }

  @Test("a directory that is not there is an error that names it, and leaves nothing open")
  func missing() throws {
    let loop = try Loop()
    let error = #expect(throws: LoopError.self) {
      try DirectoryWatch(
        on: loop, path: "/nonexistent/incoming", onEvent: { _ in }, onError: { _ in })
    }
    #expect(error?.kind == .notFound)
    #expect(
      error?.description
        == "uv_fs_event_start (/nonexistent/incoming): no such file or directory (ENOENT)")
    try loop.close()
  }
}
