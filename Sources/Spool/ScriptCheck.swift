import SQLite
import Sluice

extension JobDecoder {
  /// Whether a whole script would be taken, as far as its text tells without a database.
  /// - Returns: what its header says, without statements.
  /// - Throws: the first thing that is wrong, with its line.
  public func checkScript(_ content: [UInt8]) throws(DecodeFailure) -> Job {
    let text = content.starts(with: [0xef, 0xbb, 0xbf]) ? content.dropFirst(3) : content[...]
    let job = try decodeScriptHeader(text.prefix { $0 != 0x0a }) ?? Job()
    if let error = text.withUnsafeBufferPointer({ firstFault($0) }) { throw DecodeFailure(error) }
    return job
  }

  private func firstFault(_ text: UnsafeBufferPointer<UInt8>) -> JobError? {
    var boundary = StatementBoundary()
    var rest = text
    var line = 1
    var statements = 0
    while !rest.isEmpty {
      boundary.reset()
      let length: Int
      switch boundary.scan(rest, isEnd: true) {
      case .end(let end): length = end
      case .more: length = rest.count
      case .dotCommand(let index):
        return JobError.dotCommand(
          line: line + UnsafeBufferPointer(rebasing: rest[..<index]).lineFeeds)
      }
      if let first = boundary.first {
        statements += 1
        let statement = UnsafeBufferPointer(rebasing: rest[first..<length])
        let before = UnsafeBufferPointer(rebasing: rest[..<first]).lineFeeds
        if let error = fault(of: statement, line: line + before) { return error }
      }
      line += UnsafeBufferPointer(rebasing: rest[..<length]).lineFeeds
      rest = UnsafeBufferPointer(rebasing: rest[length...])
    }
    return statements == 0 ? .noStatement : nil
  }

  private func fault(of statement: UnsafeBufferPointer<UInt8>, line: Int) -> JobError? {
    if ReservedTarget.isReserved(statement) { return nil }
    if statement.count > limits.scriptStatementBytes {
      return .statementTooLong(limits.scriptStatementBytes, line: line)
    }
    if let nul = statement.firstIndex(of: 0) {
      return .nulInScript(line: line + UnsafeBufferPointer(rebasing: statement[..<nul]).lineFeeds)
    }
    switch SQLKeyword(of: statement) {
    case .rollback, .savepoint, .release:
      let denial = Authorizer.transactionDenial
      var error = JobError(
        .request, SluiceCode.forbidden, denial.message, hint: denial.hint)
      error.line = line
      return error
    default: return nil
    }
  }
}

/// What no script may hold.
extension JobError {
  static func dotCommand(line: Int) -> JobError {
    inScript(
      SluiceCode.badJob, "a line that begins with a dot is a command of the sqlite3 shell", line,
      hint: "leave it out; a script holds SQL only")
  }

  static func nulInScript(line: Int) -> JobError {
    inScript(
      SluiceCode.badJob, "the script has a NUL character, which ends SQL", line,
      hint: "write such values as x'00' blobs; save the script as UTF-8")
  }

  static func statementTooLong(_ limit: Int, line: Int) -> JobError {
    inScript(
      SluiceCode.tooLarge, "a statement has more than \(limit) bytes", line,
      hint: "give values as \"params\" of a .json or .jsonl job")
  }

  private static func inScript(
    _ code: String, _ message: String, _ line: Int, hint: String
  ) -> JobError {
    var error = JobError(.request, code, message, hint: hint)
    error.line = line
    return error
  }
}
