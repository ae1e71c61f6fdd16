import Sluice
import Testing

@testable import Spool

@Suite("Names of claimed jobs")
struct ClaimedNameTests {
  @Test("a claimed name says again all that it was made of")
  func roundTrip() throws {
    let names = ["a.json", "b-1@".dropLast() + ".sql", "c.jsonl"]
    for lane in IncomingLane.allCases {
      for name in names {
        let claimed = ClaimedName(
          sequence: 1_767_225_600_000_123,
          arrival: Timestamp(nanoseconds: 1_767_225_600_000_000_001),
          lane: lane, job: try #require(JobName(String(name))))
        #expect(ClaimedName(claimed.text) == claimed)
      }
    }
  }

  @Test("it reads as the protocol's page on active/ says")
  func format() throws {
    let job = try #require(JobName("x.json"))
    let name = ClaimedName(sequence: 17, arrival: Timestamp(nanoseconds: 5), lane: .high, job: job)
    #expect(name.text == "0000000000000017-5@high@x.json")
  }

  @Test("the longest one fits into a file name")
  func fits() throws {
    let long = try #require(JobName(String(repeating: "n", count: 195) + ".json"))
    let name = ClaimedName(
      sequence: ClaimedName.sequenceMax, arrival: Timestamp(nanoseconds: .max), lane: .control,
      job: long)
    #expect(name.text.utf8.count <= 255)
    #expect(ClaimedName(name.text) == name)
  }

  @Test(
    "anything else is no claimed name",
    arguments: [
      "", "x.json", "0000000000000017-5@high@.json", "17-5@high@x.json",
      "0000000000000017-5@fast@x.json", "0000000000000017@high@x.json",
      "+000000000000017-5@high@x.json", "0000000000000017-05@high@x.json",
      "0000000000000017-5@high@x.txt", ".0000000000000017-5@high@x.json",
      "0000000000000017-9999999999999999999@high@x.json",
    ])
  func rejected(_ text: String) {
    #expect(ClaimedName(text) == nil)
  }

  @Test("numbers grow whatever the clock does, and keep up with it")
  func sequences() {
    var source = SequenceSource(floor: 2_000)
    #expect(source.next(now: Timestamp(nanoseconds: 1_000_000)) == 2_001)
    #expect(source.next(now: Timestamp(nanoseconds: -5)) == 2_002)
    #expect(source.next(now: Timestamp(nanoseconds: 9_000_000)) == 9_000)
    #expect(source.next(now: Timestamp(nanoseconds: 9_000_000)) == 9_001)
    #expect(source.highest == 9_001)
  }
}
