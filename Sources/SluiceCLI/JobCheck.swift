import Sluice
import SluiceWorker
import Spool

/// Reads a job's text as the worker would, and keeps what is wrong with it.
struct JobCheck {
  /// Jobs that are good: one, or the lines of a `.jsonl`.
  private(set) var jobs = 0
  /// Everything that is wrong.
  private(set) var faultCount = 0
  /// The first of it, at most `faultsMax`; a line of a `.jsonl` is one.
  private(set) var faults: [JobError] = []

  /// As many as a person reads at once.
  private static let faultsMax = 20

  /// Nil where nothing says which there are.
  private let databases: Set<String>?
  private let decoder: JobDecoder
  private var header = BatchHeader()
  private var lineNumber = 0

  init(_ loaded: LoadedSettings) {
    let settings = WorkerSettings(loaded.settings)
    databases = loaded.configPath == nil ? nil : Set(settings.databases.map(\.name))
    decoder = JobDecoder(limits: settings.limits)
  }

  mutating func read(_ source: consuming JobSource, as job: JobName) throws {
    switch job.kind {
    case .json:
      let bytes = try source.contents()
      if isEmpty(bytes[...], code: SluiceCode.badJSON) { return }
      do throws(DecodeFailure) {
        noteGood(try decoder.decode(bytes).job)
      } catch {
        note(error.error)
      }
    case .jsonl:
      try source.forEachLine { line in readLine(line) }
      if lineNumber == 0 { noteEmpty(SluiceCode.badFile) }
    case .sql:
      let bytes = try source.contents()
      if isEmpty(bytes[...], code: SluiceCode.badFile) { return }
      do throws(DecodeFailure) {
        noteGood(try decoder.checkScript(bytes))
      } catch {
        note(error.error)
      }
    case .foreign:
      note(
        JobError(
          .request, SluiceCode.badName, "the name is that of a file that was rejected for its name",
          hint: "give it a name of its own"))
    }
  }

  private mutating func noteGood(_ job: Job) {
    if let error = databaseFault(job) { note(error) } else { jobs += 1 }
  }

  private func databaseFault(_ job: Job) -> JobError? {
    guard let databases, !databases.contains(job.database) else { return nil }
    return .noDatabase(job.database, known: databases)
  }

  private mutating func readLine(_ line: ArraySlice<UInt8>) {
    lineNumber += 1
    if Self.isBlank(line) { return }
    if lineNumber == 1 {
      do throws(DecodeFailure) {
        if let found = try decoder.decodeBatchHeader(line) {
          header = found
          if let error = databaseFault(found.template) { note(atLine(error)) }
          return
        }
      } catch {
        return note(atLine(error.error))
      }
    }
    do throws(DecodeFailure) {
      _ = try decoder.decodeLine(line, number: lineNumber, inheriting: &header)
      jobs += 1
    } catch {
      note(atLine(error.error))
    }
  }

  /// The decoder has seen one line alone: its line is the file's.
  private func atLine(_ error: JobError) -> JobError {
    var error = error
    error.line = lineNumber
    return error
  }

  private mutating func note(_ fault: JobError) {
    faultCount += 1
    if faults.count < Self.faultsMax { faults.append(fault) }
  }

  private mutating func isEmpty(_ bytes: ArraySlice<UInt8>, code: String) -> Bool {
    if bytes.isEmpty { noteEmpty(code) }
    return bytes.isEmpty
  }

  private mutating func noteEmpty(_ code: String) {
    note(JobError(.request, code, "the file is empty", hint: "write the job before it is dropped"))
  }

  private static func isBlank(_ line: ArraySlice<UInt8>) -> Bool {
    line.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }
  }
}
