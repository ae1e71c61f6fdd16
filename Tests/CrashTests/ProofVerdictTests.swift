import SQLite
import Spool
import TestSupport
import Testing

@testable import SluiceCLI

@Suite("The verdict of a proof") struct ProofVerdictTests {
  @Test(
    "a read of a batch that was given up has to see nothing of it, and any other all",
    arguments: [(0, 0), (12, 1)])
  func readOfGivenUp(seen: Int, anomalies: Int) throws {
    let directory = try TemporarySpool.makeDirectory()
    defer { TemporarySpool.remove(directory) }
    let scratch = try ProofScratch(in: directory)
    let balances = Array(repeating: "(\(ProofLoad.balance))", count: ProofLoad.accounts)
    try Connection(path: scratch.databasePath, role: .writer).execute(
      """
      CREATE TABLE account(id INTEGER PRIMARY KEY, balance INTEGER);
      INSERT INTO account(balance) VALUES \(balances.joined(separator: ","));
      CREATE TABLE transfer(job, source, target, amount);
      CREATE TABLE member(job); CREATE TABLE line(id INTEGER PRIMARY KEY, job, n)
      """)
    let read = ProofJob(load: .read, producer: 1, number: 1)
    let batch = ProofJob(load: .append, producer: 1, number: 1)
    try put(#"{"status":"failed","error":{"code":"SLUICE_POISON"}}"#, batch.file + ".json", scratch)
    try put(#"{"status":"done","statements":[{"rows":[[\#(seen)]]}]}"#, read.file, scratch)
    let verdict = try ProofVerdict(scratch, jobs: [read, batch], seen: [])
    #expect(verdict.anomalyCount == anomalies && verdict.total.givenUp == 1)
    #expect(verdict.total.lost == 0 && verdict.total.doubled == 0)
  }

  private func put(_ text: String, _ name: String, _ scratch: ProofScratch) throws {
    try scratch.spool.results.create(name).write(Array(text.utf8))
  }
}
