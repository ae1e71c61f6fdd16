import Glibc
import Sluice
import TestSupport
import Testing

@testable import Spool

@Suite("Claiming a job file")
struct JobClaimTests {
  private let spool: TemporarySpool
  private let now = Timestamp.now()
  private let clock = MonotonicTime(nanoseconds: 1_000_000_000)

  init() throws { spool = try TemporarySpool() }

  private func claim(_ rules: ClaimRules = ClaimRules()) -> JobClaim {
    JobClaim(spool.layout, rules: rules, sequences: SequenceSource(floor: 0))
  }

  private func entry(_ name: String, hold: ClaimHold? = nil) -> ScanEntry {
    var entry = ScanEntry(name, lane: .root, arrival: Timestamp(nanoseconds: 42))
    entry.hold = hold
    return entry
  }

  private func attempt(
    _ name: String, rules: ClaimRules = ClaimRules(), hold: ClaimHold? = nil,
    after seconds: Double = 0
  ) -> ClaimOutcome {
    var claim = claim(rules)
    return claim.claim(
      entry(name, hold: hold), now: now, clock: clock.advanced(bySeconds: seconds))
  }

  private func rejection(_ outcome: ClaimOutcome) -> (ClaimedName, String)? {
    if case .rejected(let name, let error) = outcome { (name, error.code) } else { nil }
  }

  private func hold(_ outcome: ClaimOutcome) -> ClaimHold? {
    if case .waiting(let hold, _) = outcome { hold } else { nil }
  }

  @Test("a closed file is moved to active/ and read whole")
  func claimed() throws {
    let path = try spool.drop("a.json", "{}")
    let before = try #require(try spool.layout.incoming(.root).identity("a.json"))
    guard case .claimed(let job) = attempt("a.json"), case .whole(let bytes) = job.content else {
      Issue.record("not claimed")
      return
    }
    #expect(bytes == Array("{}".utf8))
    #expect(job.name.arrival.nanoseconds == 42 && job.name.lane == .root)
    #expect(spool.names(spool.layout.active) == [job.name.text])
    #expect(access(path, F_OK) != 0)
    #expect(job.identity == before && job.identity.hash == ContentHash.of(bytes))
    #expect(try spool.layout.claimedFiles().jobs == [job.name])
  }

  @Test("a file that is open for writing is not claimed until it is closed")
  func writing() throws {
    try spool.drop("a.json", "{}")
    let writer = open(spool.path + "/incoming/a.json", O_WRONLY)
    let first = try #require(hold(attempt("a.json")))
    #expect(first.reason == .writing && first.attempts == 1)
    let second = try #require(hold(attempt("a.json", hold: first, after: 60)))
    #expect(second.attempts == 2)
    #expect(spool.names(spool.layout.active).isEmpty)
    close(writer)
    guard case .claimed = attempt("a.json", hold: second, after: 60) else {
      Issue.record("not claimed after closing")
      return
    }
  }

  @Test("a second link is given a second, then the file is rejected unopened")
  func linked() throws {
    let path = try spool.drop("a.json", "{}")
    link(path, spool.path + "/tmp/other")
    let first = try #require(hold(attempt("a.json")))
    #expect(first.reason == .linked)
    #expect(hold(attempt("a.json", hold: first, after: 0.9)) != nil)
    #expect(rejection(attempt("a.json", hold: first, after: 1))?.1 == SluiceCode.badFile)
    try spool.drop("b.json", "{}")
    link(spool.path + "/incoming/b.json", spool.path + "/tmp/third")
    let held = try #require(hold(attempt("b.json")))
    unlink(spool.path + "/tmp/third")
    guard case .claimed = attempt("b.json", hold: held, after: 2) else {
      Issue.record("link and unlink is a fair way to publish")
      return
    }
  }

  @Test("what is no regular file is moved away and never opened")
  func notRegular() throws {
    let incoming = spool.path + "/incoming/"
    symlink("/etc/passwd", incoming + "link.json")
    mkfifo(incoming + "fifo.json", 0o600)
    for name in ["link.json", "fifo.json"] {
      let rejected = try #require(rejection(attempt(name)))
      #expect(rejected.1 == SluiceCode.badFile && rejected.0.job.text == name)
    }
    #expect(spool.names(spool.layout.active).count == 2)
    mkdir(incoming + "dir.json", 0o700)
    guard case .gone = attempt("dir.json") else {
      Issue.record("a directory is left alone")
      return
    }
  }

  @Test("a foreign name is moved away escaped, also while it is written, with any bytes in it")
  func foreign() throws {
    try spool.drop("a b.json", "{}")
    let writer = open(spool.path + "/incoming/a b.json", O_WRONLY)
    defer { close(writer) }
    let rejected = try #require(rejection(attempt("a b.json")))
    #expect(rejected.1 == SluiceCode.badName && rejected.0.job.text.hasPrefix("a%20b.json~"))
    let raw: [CChar] = [CChar(bitPattern: 0xFF), 0x2E, 0x6A, 0]
    close(open(spool.path + "/incoming/", O_RDONLY))
    _ = try spool.layout.incoming(.root).create(raw)
    var claim = claim()
    let entry = ScanEntry(name: raw, lane: .root, arrival: now)
    #expect(
      rejection(claim.claim(entry, now: now, clock: clock))?.0.job.text.hasPrefix("%FF.j~") == true)
  }

  @Test("empty and oversized files are rejected")
  func sizes() throws {
    var rules = ClaimRules()
    rules.jsonBytesMax = 10
    rules.sqlBytesMax = 20
    let cases = [
      ("a.json", 0, SluiceCode.badJSON), ("b.sql", 0, SluiceCode.badFile),
      ("c.jsonl", 0, SluiceCode.badFile), ("d.json", 11, SluiceCode.tooLarge),
      ("e.sql", 21, SluiceCode.tooLarge),
    ]
    for (name, size, code) in cases {
      try spool.drop(name, String(repeating: " ", count: size))
      #expect(rejection(attempt(name, rules: rules))?.1 == code, "\(name)")
    }
    try spool.drop("f.json", String(repeating: " ", count: 10))
    try spool.drop("g.jsonl", String(repeating: " ", count: 100))
    for name in ["f.json", "g.jsonl"] {
      guard case .claimed = attempt(name, rules: rules) else {
        Issue.record("\(name) is within its limit")
        continue
      }
    }
  }

  @Test("large scripts and batches are left to be streamed")
  func streamed() throws {
    var rules = ClaimRules()
    rules.wholeBytesMax = 10
    try spool.drop("a.sql", String(repeating: " ", count: 11))
    try spool.drop("b.jsonl", "{}")
    for name in ["a.sql", "b.jsonl"] {
      guard case .claimed(let job) = attempt(name, rules: rules), case .streamed = job.content
      else {
        Issue.record("\(name) is not streamed")
        continue
      }
    }
  }

  @Test("a file taken back before its claim is no error")
  func gone() {
    guard case .gone = attempt("never.json") else {
      Issue.record("a missing file is a race")
      return
    }
  }

  @Test("a claimed file can be read again after a restart")
  func reopen() throws {
    try spool.drop("a.json", "{}")
    guard case .claimed(let job) = attempt("a.json"),
      case .claimed(let again) = claim().reopen(job.name)
    else {
      Issue.record("not read again")
      return
    }
    #expect(again.identity == job.identity && again.name == job.name)
  }

  #if DEBUG
    private func faulty(
      _ operation: FileOperation, _ errno: Int32, on part: String = "a.json"
    ) throws -> (TemporarySpool, JobClaim, FaultPlan) {
      let plan = FaultPlan()
      let spool = try TemporarySpool(plan.install)
      try spool.drop("a.json", "{}")
      plan.fail(operation, errno: errno, on: part)
      return (spool, JobClaim(spool.layout, sequences: SequenceSource(floor: 0)), plan)
    }

    @Test("without a lease a file must rest, and each change begins the rest anew")
    func resting() throws {
      let (spool, claim, plan) = try faulty(.lease, EACCES)
      plan.fail(.lease, count: .max, errno: EACCES)
      var claimer = claim
      func attempt(_ hold: ClaimHold?, after seconds: Double) -> ClaimOutcome {
        claimer.claim(
          entry("a.json", hold: hold), now: now, clock: clock.advanced(bySeconds: seconds))
      }
      let first = try #require(hold(attempt(nil, after: 0)))
      #expect(first.reason == .resting)
      #expect(hold(attempt(first, after: 1.9)) != nil)
      let file = open(spool.path + "/incoming/a.json", O_WRONLY | O_APPEND)
      write(file, " ", 1)
      close(file)
      let second = try #require(hold(attempt(first, after: 2.1)))
      #expect(second.since == clock.advanced(bySeconds: 2.1))
      guard case .claimed = attempt(second, after: 4.2) else {
        Issue.record("a rested file is claimed")
        return
      }
    }

    @Test("a file that has rested for long is claimed at first sight")
    func restedBefore() throws {
      var (spool, claim, _) = try faulty(.lease, EACCES)
      let later = now.advanced(bySeconds: 60)
      guard case .claimed = claim.claim(entry("a.json"), now: later, clock: clock) else {
        Issue.record("not claimed")
        return
      }
      #expect(!spool.names(spool.layout.incoming(.root)).contains("a.json"))
    }

    @Test(
      "a user's file never stops the worker, and a failing machine never costs a file",
      arguments: [
        (FileOperation.open, EACCES, "refused"), (.rename, EPERM, "refused"),
        (.open, EMFILE, "unavailable"), (.rename, ENOSPC, "unavailable"),
        (.status, EIO, "unavailable"), (.rename, ENOENT, "gone"), (.open, ELOOP, "gone"),
      ])
    func errors(_ operation: FileOperation, _ errno: Int32, _ expected: String) throws {
      var (spool, claim, _) = try faulty(operation, errno)
      let outcome =
        switch claim.claim(entry("a.json"), now: now, clock: clock) {
        case .refused: "refused"
        case .unavailable: "unavailable"
        case .gone: "gone"
        case .claimed, .rejected, .waiting: "other"
        }
      #expect(outcome == expected)
      #expect(spool.names(spool.layout.incoming(.root)).contains("a.json"))
    }

    @Test("a claimed file that cannot be read is kept for another attempt")
    func unread() throws {
      var (spool, claim, plan) = try faulty(.read, EIO)
      guard case .claimed(let job) = claim.claim(entry("a.json"), now: now, clock: clock),
        case .unread(let error) = job.content
      else {
        Issue.record("not kept")
        return
      }
      #expect(error.errno == EIO)
      plan.mend()
      guard case .claimed(let again) = claim.reopen(job.name), case .whole = again.content else {
        Issue.record("not read again")
        return
      }
      #expect(spool.names(spool.layout.active) == [job.name.text])
    }
  #endif
}
