import JSON
import Spool
import TestSupport
import Testing

@Suite("The example jobs") struct ExampleJobTests {
  @Test("each file in jobs/ becomes what it says of itself")
  func examples() throws {
    let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
    let jobs = try Directory(path: root.joined(separator: "/") + "/jobs")
    let spool = try TemporarySpool()
    let names = spool.names(jobs).filter { $0.contains(".") && $0 != "README.md" }
    let data = try jobs.directory("data")
    for name in spool.names(data) {
      try spool.layout.data.create(name).write(try data.contents(name) ?? [])
    }
    #expect(names.count > 10)
    // Those from 20 on look at what the others left.
    for part in [names.filter { $0 < "20" }, names.filter { $0 >= "20" }] {
      for name in part {
        try spool.drop(name, String(decoding: try jobs.contents(name) ?? [], as: UTF8.self))
      }
      try WorkerProcess.once(on: spool)
    }
    for name in names {
      let file = try #require(JobName(name))
      let meta =
        file.kind == .json ? try JSONReader.parse(try jobs.contents(name) ?? [])["meta"] : nil
      let result = try #require(try spool.parsedResult(file.result), "\(name)")
      #expect(result.status == meta?["expect_status"]?.string ?? "done", "\(name)")
      #expect(result.errorCode == meta?["expect_code"]?.string, "\(name)")
    }
  }
}
