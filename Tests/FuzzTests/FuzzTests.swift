import Foundation
import Glibc
import TestSupport
import Testing

/// What `scripts/fuzz` asks for, and what every run of the tests repeats.
@Suite("Readers of hostile input", .serialized) struct FuzzTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let seconds = environment["SLUICE_FUZZ_SECONDS"].flatMap(Double.init)
  private static let seed = environment["SLUICE_FUZZ_SEED"].flatMap(UInt64.init) ?? 1
  private static let targets =
    environment["SLUICE_FUZZ_TARGET"].flatMap(FuzzTarget.init).map { [$0] } ?? FuzzTarget.allCases
  /// Where the input stands that is being read: what is there after a trap is what did it.
  private static let lastInput = environment["SLUICE_FUZZ_INPUT"]

  private static func corpus(_ target: FuzzTarget) -> [[UInt8]] {
    let path = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "Corpus/\(target.rawValue)").path
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    return names.sorted().compactMap { name in
      (try? Data(contentsOf: URL(filePath: path + "/" + name))).map { Array($0) }
    }
  }

  @Test("hold what they must on every input that was worth keeping", arguments: FuzzTarget.allCases)
  func corpusHolds(target: FuzzTarget) {
    let inputs = Self.corpus(target)
    #expect(!inputs.isEmpty)
    for input in inputs {
      if let file = Self.lastInput { try? Data(input).write(to: URL(filePath: file)) }
      let fault = target.read(input).fault
      #expect(fault == nil, "\(String(decoding: input.prefix(200), as: UTF8.self))")
    }
  }

  @Test("hold it on changed ones", arguments: targets)
  func changedHolds(target: FuzzTarget) throws {
    var pool = Self.corpus(target)
    var mutation = Mutation(
      generator: SeededGenerator(seed: Self.seed), words: target.words.map { Array($0.utf8) })
    var kinds: Set<String> = []
    var count = 0
    let end = Self.seconds.map { Date(timeIntervalSinceNow: $0) }
    // A reader that hangs ends the process; nothing here takes a hundredth of that.
    defer { alarm(0) }
    while end.map({ Date() < $0 }) ?? (count < 300) {
      let input = mutation.next(from: pool)
      if let file = Self.lastInput { try Data(input).write(to: URL(filePath: file)) }
      if Self.seconds != nil { alarm(20) }
      let (fault, kind) = target.read(input)
      count += 1
      if let fault {
        Issue.record(
          "\(target), seed \(Self.seed): \(fault) for \(Data(input).base64EncodedString())")
        return
      }
      if pool.count < 2000, kinds.insert(kind).inserted { pool.append(input) }
    }
    if Self.seconds != nil { print("\(target): \(count) inputs, \(kinds.count) kinds, no fault") }
  }
}
