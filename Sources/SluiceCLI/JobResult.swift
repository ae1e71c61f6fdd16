import JSON
import Spool

/// A result file that was read: what became of a job.
struct JobResult {
  let job: JobName
  /// As the file has it.
  let bytes: [UInt8]
  let root: JSONNode

  init(job: JobName, bytes: [UInt8]) throws {
    self.job = job
    self.bytes = bytes
    do throws(JSONError) {
      // Verbatim: a result may hold `meta` of any kind.
      root = try JSONReader.parse(bytes, maximumDepth: JSONReader.depthCeiling, verbatim: [])
    } catch {
      throw CommandFailure(.badData, "\(job.result) is no result: \(error)")
    }
  }

  /// The result that stands under that name now; nil where there is none.
  init?(of job: JobName, in spool: SpoolLayout) throws {
    let bytes = try spool.results.contents(job.result)
    guard let bytes else { return nil }
    try self.init(job: job, bytes: bytes)
  }

  var status: String { root["status"]?.string ?? "unknown" }
  var isDone: Bool { status == "done" }
  /// RFC 3339, 27 bytes: it sorts as text.
  var arrived: String? { root["times"]?["arrived"]?.string }
  var statements: [JobStatementResult] {
    (root["statements"]?.array ?? []).map { JobStatementResult(node: $0, source: bytes) }
  }

  /// The JSON text of one of its values, as it is written.
  func source(of node: JSONNode) -> String { String(decoding: bytes[node.range], as: UTF8.self) }

  /// Why the job is not done, as the end of its command; nil where it is.
  var failure: CommandFailure? {
    guard !isDone else { return nil }
    let error = root["error"]
    let code = error?["code"]?.string
    let message = error?["message"]?.string
    let reason = [code, message].compactMap { $0 }.joined(separator: ": ")
    return CommandFailure(
      .notDone, "\(job.text) \(status)" + (reason.isEmpty ? "" : ": \(reason)"),
      hint: error?["hint"]?.string)
  }
}
