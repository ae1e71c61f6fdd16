import JSON
import Sluice

/// Reads a command to the worker.
struct ControlDecoder: Sendable {
  private enum Command: String, CaseIterable {
    case cancel, pause, resume, retry, checkpoint, optimize, analyze, vacuum
    case integrityCheck = "integrity_check"
    case backup, reload, shutdown

    /// The fields that it takes beside those of every control job.
    var arguments: [JobField] {
      switch self {
      case .cancel, .retry: [.job]
      case .pause, .resume: [.database, .priority]
      case .checkpoint, .optimize, .analyze, .vacuum, .integrityCheck: [.database]
      case .backup: [.database, .to]
      case .reload, .shutdown: []
      }
    }
  }

  /// Longest name of a backup: with a suffix of the worker's it still fits a directory entry.
  private static let fileNameBytesMax = 200

  /// - Parameters:
  ///   - field: `control`.
  ///   - members: all fields of the job.
  ///   - database: the one that the job names, or the default.
  func request(
    _ field: Field, among members: [JSONMember], database: String
  ) throws(JobFault) -> ControlRequest {
    let command = try field.word(of: Command.allCases)
    let arguments = try arguments(of: command, among: members)
    switch command {
    case .cancel: return .cancel(job: try job(arguments[.job], of: field))
    case .retry: return .retry(job: try job(arguments[.job], of: field))
    case .pause: return .pause(try scope(arguments))
    case .resume: return .resume(try scope(arguments))
    case .checkpoint: return .maintenance(.checkpoint, database: database)
    case .optimize: return .maintenance(.optimize, database: database)
    case .analyze: return .maintenance(.analyze, database: database)
    case .vacuum: return .maintenance(.vacuum, database: database)
    case .integrityCheck: return .maintenance(.integrityCheck, database: database)
    case .backup:
      return .backup(database: database, file: try fileName(arguments[.to], of: field))
    case .reload: return .reload
    case .shutdown: return .shutdown
    }
  }

  private func arguments(
    of command: Command, among members: [JSONMember]
  ) throws(JobFault) -> [JobField: Field] {
    let allowed = command.arguments
    var arguments: [JobField: Field] = [:]
    for member in members {
      guard let name = JobField(rawValue: member.key) else { continue }
      if allowed.contains(name) {
        arguments[name] = Field(member)
      } else if ![.control, .id, .meta].contains(name) {
        let takes = allowed.map { "\"\($0.rawValue)\"" }.joined(separator: " and ")
        throw Field(member).misplaced(
          "does not belong to \"control\": \"\(command.rawValue)\"",
          hint: allowed.isEmpty ? "it takes no fields" : "it takes \(takes)")
      }
    }
    return arguments
  }

  private func job(_ argument: Field?, of field: Field) throws(JobFault) -> String {
    guard let argument else {
      throw field.misplaced("needs \"job\"", hint: "name the job, or give its id, in \"job\"")
    }
    return try argument.identifier("the name or id of a job")
  }

  private func scope(_ arguments: [JobField: Field]) throws(JobFault) -> ControlRequest.Scope {
    switch (arguments[.database], arguments[.priority]) {
    case (let database?, nil): return .database(try database.string())
    case (nil, let priority?): return .priority(try JobOptionDecoder.priority(priority))
    case (nil, nil): return .everything
    case (_?, let priority?):
      throw priority.misplaced(
        "cannot stand beside \"database\" here", hint: "send a job for each of the two")
    }
  }

  private func fileName(_ argument: Field?, of field: Field) throws(JobFault) -> String {
    guard let argument else {
      throw field.misplaced(
        "needs \"to\"", hint: "name the file to be made under results/ in \"to\"")
    }
    let what = "a plain file name: letters, digits, \".\", \"_\" and \"-\", no \".\" or \"-\" first"
    let name = try argument.string(what)
    let isPlain = name.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
      default: "._-".utf8.contains(byte)
      }
    }
    guard isPlain, let first = name.utf8.first, !".-".utf8.contains(first),
      name.utf8.count <= Self.fileNameBytesMax
    else { throw argument.expected(what) }
    // It would stand in a result's place, or a result in its.
    for suffix in [".json", ".jsonl", ".csv"] where name.hasSuffix(suffix) {
      throw argument.misplaced(
        "ends in \"\(suffix)\" like a result", hint: "call the copy something like main.db")
    }
    return name
  }
}
