import Glibc
import JSON
import Spool
import TestSupport
import Testing

/// The protocol's section "Dropping a job", sentence by sentence; what needs a worker of its own is
/// in `ClaimRuleTests` and `OrderTests`.
@Suite("Dropping a job", .worker("--set", "rescan=3600", "--set", "monitor_interval=0.1"))
struct DroppingSentences {
  private static let job = #"{"sql":"SELECT 1"}"#

  @Test(
    "a renamed file is picked up at once, from tmp/ or from a name that begins with a dot",
    arguments: ["tmp/dotless", "incoming/.dotted", "incoming/low/.dotted"])
  func rename(from source: String) throws {
    let served = try ServedSpool.get()
    let name = served.freshName()
    try served.spool.put(Self.job, at: source)
    // No look without an event would find it in time.
    let target = served.path + "/incoming/low/" + name
    #expect(Glibc.rename(served.path + "/" + source, target) == 0)
    #expect(try served.spool.awaitedResult(name, within: 5).status == "done")
  }

  @Test("each file is one job, even under a name used before; its result and its file replace")
  func usedBefore() throws {
    let served = try ServedSpool.get()
    let name = served.freshName()
    let (one, two) = (#"{"sql":"SELECT one"}"#, #"{"sql":"SELECT two"}"#)
    #expect(try served.run(one, as: name).message.contains("one"))
    #expect(eventually { served.spool.text("failed/" + name) == one })
    try served.spool.drop(name, two)
    #expect(try eventually { try served.result(of: name).message.contains("two") })
    #expect(eventually { served.spool.text("failed/" + name) == two })
    try served.spool.drop(name, #"{"sql":"SELECT 3"}"#)
    #expect(try eventually { try served.result(of: name).firstValue?.integer == 3 })
  }

  @Test("dropped again while the first one runs, both run, and the later result stays")
  func whileItRuns() throws {
    let served = try ServedSpool.get()
    let name = served.freshName()
    try served.spool.drop(
      name, #"{"id":"first of two","timeout":60,"sql":"\#(WaitingJobTests.endless)"}"#)
    #expect(eventually { served.spool.activeJobs.contains { $0.job.text == name } })
    #expect(try served.run(#"{"sql":"SELECT 'second'"}"#, as: name).firstValue?.string == "second")
    try served.command(#""cancel","job":"first of two""#)
    #expect(try eventually { try served.result(of: name).status == "cancelled" })
  }

  @Test("a result that replaces another takes that one's rows away, whatever their format")
  func rows() throws {
    let served = try ServedSpool.get()
    let name = served.freshName()
    let stem = String(name.dropLast(5))
    func rows() -> [String] {
      ["jsonl", "csv"].filter { served.has("results/\(stem).rows.\($0)") }
    }
    try served.run(#"{"sql":"SELECT 1","result":{"format":"csv"}}"#, as: name)
    #expect(rows() == ["csv"])
    try served.spool.drop(name, #"{"sql":"SELECT 1","result":{"format":"jsonl"}}"#)
    #expect(eventually { rows() == ["jsonl"] })
    try served.spool.drop(name, #"{"sql":"SELECT * FROM nowhere"}"#)
    #expect(eventually { rows().isEmpty })
  }

  @Test(
    "job names are of these characters, at most 200 bytes, and have one of three endings",
    arguments: [
      "a.b-c_d.json", "_x.json", "0.json", "a..json", "x.rows.json", "x.csv.json",
      String(repeating: "n", count: 195) + ".json",
    ])
  func goodName(name: String) throws {
    let result = try ServedSpool.get().run(Self.job, as: name)
    #expect(result.status == "done" && result["job"]?.string == name)
  }

  /// Names and what zlib's CRC-32 makes of them.
  private static let foreignNames: [(name: [UInt8], escaped: String)] = [
    (Array("a b.json".utf8), "a%20b.json~c75083bd"), (Array("-x.json".utf8), "%2Dx.json~e0c563b2"),
    (Array("x.txt".utf8), "x.txt~ac1b0249"), (Array("noext".utf8), "noext~7df79674"),
    (Array("a.JSON".utf8), "a.JSON~704dfbd4"), (Array("é.json".utf8), "%C3%A9.json~6a387172"),
    ([0xff, 0xfe] + Array(".json".utf8), "%FF%FE.json~1470861b"),
    (Array("%.json".utf8), "%25.json~d2115e1a"), (Array("~x.json".utf8), "%7Ex.json~f2f89098"),
    (Array("a\nb.json".utf8), "a%0Ab.json~ac9de56f"),
    (Array("x.sql.json".utf8), "x.sql.json~6f631dda"),
    (Array("x.jsonl.json".utf8), "x.jsonl.json~1b54dfaf"),
    (Array("x.rows.jsonl".utf8), "x.rows.jsonl~ec553fc4"),
    (Array("x.rows.csv".utf8), "x.rows.csv~c0f1aae4"),
    (
      Array(String(repeating: " ", count: 100).utf8) + Array(".json".utf8),
      String(repeating: "%20", count: 60) + "~b250aac2"
    ),
    (
      Array(String(repeating: "n", count: 196).utf8) + Array(".json".utf8),
      String(repeating: "n", count: 180) + "~775341e2"
    ),
  ]

  @Test("a file with any other name goes to failed/ESCAPED~HASH, rejected", arguments: foreignNames)
  func foreignName(name: [UInt8], escaped: String) throws {
    let served = try ServedSpool.get()
    try served.drop("not opened", asBytes: name)
    let result = try served.spool.awaitedResult(escaped + ".json")
    #expect(result.status == "rejected" && result.errorCode == "SLUICE_BAD_NAME")
    #expect(result["job"]?.string == escaped && result.errorFault() == nil)
    #expect(eventually { served.spool.text("failed/" + escaped) == "not opened" })
  }

  @Test(
    "names that begin with a dot or end in ~, .tmp, .part or .swp are left alone",
    arguments: [".x.json", "x.json~", "x y~", "x.json.tmp", "x.part", "x.swp"])
  func leftAlone(name: String) throws {
    let served = try ServedSpool.get()
    try served.spool.drop(name, Self.job, lane: .high)
    // Claimed behind it, in the same directory.
    try served.run(Self.job, lane: .high)
    try served.run(Self.job, lane: .high)
    #expect(served.has("incoming/high/" + name))
    #expect(!served.spool.files("results").contains { $0.hasPrefix(name) })
  }

  @Test(
    "what is no regular file is never opened: to failed/, rejected",
    arguments: ["symlink", "dangling", "fifo", "socket"])
  func special(kind: String) throws {
    let served = try ServedSpool.get()
    let name = served.freshName()
    let path = served.path + "/incoming/" + name
    switch kind {
    case "symlink": #expect(symlink("/etc/hostname", path) == 0)
    case "dangling": #expect(symlink("nowhere", path) == 0)
    case "fifo": #expect(mkfifo(path, 0o600) == 0)
    default: #expect(mknod(path, S_IFSOCK | 0o600, 0) == 0)
    }
    let result = try served.result(of: name)
    #expect(result.status == "rejected" && result.errorCode == "SLUICE_BAD_FILE")
    #expect(result.errorKind == "request" && result.errorFault() == nil)
    #expect(eventually { served.has("failed/" + name) && !served.has("incoming/" + name) })
    var status = stat()
    #expect(lstat(served.path + "/failed/" + name, &status) == 0)
    #expect(status.st_mode & S_IFMT != S_IFREG)
  }

  @Test("a file that after a second still has a second link is rejected, the other name untouched")
  func secondLink() throws {
    let served = try ServedSpool.get()
    let name = served.freshName()
    try served.spool.put(Self.job, at: "data/kept")
    #expect(link(served.path + "/data/kept", served.path + "/incoming/" + name) == 0)
    let result = try served.result(of: name)
    #expect(result.status == "rejected" && result.errorCode == "SLUICE_BAD_FILE")
    #expect(try #require(result["times"]?["waited"]?.number) >= 1)
    #expect(served.spool.text("data/kept") == Self.job)
  }

  @Test("a directory is left alone and counted in sluice_incoming_directories")
  func directory() throws {
    let served = try ServedSpool.get()
    #expect(eventually { served.metric("sluice_incoming_directories") == 0 })
    #expect(mkdir(served.path + "/incoming/folder.json", 0o750) == 0)
    #expect(mkdir(served.path + "/incoming/low/some folder", 0o750) == 0)
    #expect(eventually { served.metric("sluice_incoming_directories") == 2 })
    #expect(served.has("incoming/folder.json") && served.has("incoming/low/some folder"))
    #expect(!served.has("results/folder.json"))
  }

  @Test(
    "a file of no bytes is rejected",
    arguments: [
      (".json", "SLUICE_BAD_JSON"), (".sql", "SLUICE_BAD_FILE"), (".jsonl", "SLUICE_BAD_FILE"),
    ])
  func empty(ending: String, code: String) throws {
    let served = try ServedSpool.get()
    let name = served.freshName(ending)
    let result = try served.run("", as: name)
    #expect(result.status == "rejected" && result.errorCode == code && result.errorFault() == nil)
    #expect(eventually { served.spool.text("failed/" + name) == "" })
  }

  @Test("a job moved out of hold/ arrives anew")
  func arrivesAnew() throws {
    let served = try ServedSpool.get()
    let name = served.freshName()
    try served.spool.put(Self.job, at: "hold/" + name)
    let between = try served.run(Self.job)["times"]?["finished"]?.string ?? ""
    #expect(!served.has("results/" + name) && served.has("hold/" + name))
    #expect(
      Glibc.rename(served.path + "/hold/" + name, served.path + "/incoming/" + name) == 0)
    // The clock of the file system ticks in milliseconds.
    let arrived = try served.result(of: name)["times"]?["arrived"]?.string ?? ""
    #expect(arrived.prefix(21) >= between.prefix(21))
  }

  @Test("reads do not wait for writes queued before them")
  func reads() throws {
    let served = try ServedSpool.get()
    try served.run(#"{"sql":"CREATE TABLE waited_for(x)"}"#)
    let write = served.freshName()
    try served.spool.drop(
      write,
      #"{"timeout":60,"sql":"INSERT INTO waited_for \#(WaitingJobTests.endless)"}"#)
    #expect(eventually { served.spool.activeJobs.contains { $0.job.text == write } })
    #expect(try served.value("SELECT count(*) FROM waited_for")?.integer == 0)
    #expect(!served.has("results/" + write))
    try served.command(#""cancel","job":"\#(write)""#)
  }

  @Test(
    "limits: what is beyond is rejected with SLUICE_TOO_LARGE, what is just within is not",
    arguments: [
      ("SQL of one statement", "SELECT '\(String(repeating: "x", count: 1_000_000 - 9))'", nil),
      (
        "SQL of one statement", "SELECT '\(String(repeating: "x", count: 1_000_000 - 8))'",
        "SLUICE_TOO_LARGE"
      ),
    ] as [(String, String, String?)])
  func sqlLimit(what: String, sql: String, code: String?) throws {
    let result = try ServedSpool.get().run(#"{"sql":"\#(sql)"}"#)
    #expect(result.errorCode == code)
    #expect(result.status == (code == nil ? "done" : "rejected"))
  }

  @Test("JSON has at most 64 levels", arguments: [64, 65])
  func depth(levels: Int) throws {
    let nested =
      String(repeating: "[", count: levels - 1) + String(repeating: "]", count: levels - 1)
    let served = try ServedSpool.get()
    let name = served.freshName()
    try served.spool.drop(name, #"{"sql":"SELECT 1","meta":\#(nested)}"#)
    #expect(eventually { served.has("results/" + name) })
    // Its meta is given back, so the result has as many.
    let result = served.spool.text("results/" + name) ?? ""
    #expect(result.contains("SLUICE_TOO_LARGE") == (levels > 64))
    #expect(result.contains(#""status":"done""#) == (levels <= 64))
  }

  @Test(
    "job files: 16 MiB (.json), 1 GiB (.sql)",
    arguments: [(".json", 16 << 20), (".sql", 1 << 30)])
  func fileLimit(ending: String, bytes: Int) throws {
    let served = try ServedSpool.get()
    let name = served.freshName(ending)
    let scratch = served.path + "/tmp/" + name
    try served.spool.put("", at: "tmp/" + name)
    #expect(truncate(scratch, bytes + 1) == 0)
    #expect(Glibc.rename(scratch, served.path + "/incoming/" + name) == 0)
    let result = try served.result(of: name)
    #expect(result.status == "rejected" && result.errorCode == "SLUICE_TOO_LARGE")
    #expect(result.message.contains("\(bytes)") && result.errorFault() == nil)
    #expect(eventually { truncate(served.path + "/failed/" + name, 0) == 0 })
  }

  @Test("a .json of 16 MiB is run")
  func largest() throws {
    let served = try ServedSpool.get()
    let frame = #"{"sql":"SELECT length(?)","params":[""]}"#
    let text = String(repeating: "x", count: 16 << 20 - frame.utf8.count)
    let result = try served.run(#"{"sql":"SELECT length(?)","params":["\#(text)"]}"#)
    #expect(result.firstValue?.integer == Int64(text.utf8.count))
  }
}
