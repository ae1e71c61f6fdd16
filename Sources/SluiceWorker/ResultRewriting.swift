import Glibc
import Sluice
import Spool

/// Writes results again from the ledger after a failed sync, of which the kernel may have dropped
/// the pages: what stands in the files, and what can be read of them, is no evidence.
///
/// Reads the databases beside their writers, which may be waiting for the publisher. One thread.
struct ResultRewriting {
  private let results: ResultWriter
  private let batches: BatchPublication
  private let engines: EngineTable
  private var recorded: [String: RecordedResults] = [:]

  init(_ results: ResultWriter, _ batches: BatchPublication, _ engines: EngineTable) {
    self.results = results
    self.batches = batches
    self.engines = engines
  }

  /// Writes what stands of a job's result; what a consumer has taken does not come back.
  /// - Returns: whether anything was written.
  mutating func write(_ row: UnsettledResults.Row) throws(FileError) -> Bool {
    guard let engine = engines[row.database] else { return false }
    var isWritten = false
    if let sequence = row.batch, let name = JobName(String(row.result.dropLast(".json".count))),
      try results.stands(name.text)
    {
      try batches.publishLines(of: name, sequence: sequence, engine)
      isWritten = true
    }
    guard try results.stands(row.result), let result = try result(of: row, engine) else {
      return isWritten
    }
    try results.publish(row.result, result)
    return true
  }

  private mutating func result(
    of row: UnsettledResults.Row, _ engine: Engine
  ) throws(FileError) -> [UInt8]? {
    do throws(JobError) {
      if let known = recorded[row.database] { return try known.result(ofKey: row.key) }
      let opened = try engine.recordedResults()
      recorded[row.database] = opened
      return try opened.result(ofKey: row.key)
    } catch {
      throw FileError(.write, path: results.path(of: row.result), errno: EIO, hint: error.message)
    }
  }
}
