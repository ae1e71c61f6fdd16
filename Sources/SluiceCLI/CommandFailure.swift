/// Why a command ends other than well: one line for a person and a number for a script.
struct CommandFailure: Error {
  /// The command's exit codes; the numbers are those of sysexits(3).
  enum Status: Int32 {
    case notDone = 1
    case usage = 64
    case badData = 65
    case noWorker = 69
    case timedOut = 75
  }

  var status: Status
  /// What happened, and where.
  var message: String
  /// What to do instead.
  var hint: String?

  init(_ status: Status, _ message: String, hint: String? = nil) {
    self.status = status
    self.message = message
    self.hint = hint
  }

  /// A system call that failed; `errno` is read by the caller, at once.
  init(_ status: Status, _ action: String, path: String, errno code: Int32, hint: String? = nil) {
    self.init(status, "\(action) \(path): \(SystemError.message(code))", hint: hint)
  }

  /// Writes the line to standard error.
  func report() {
    let line = [message, hint].compactMap { $0 }.joined(separator: "; ")
    Output.note(Terminal.error.red("sluice:") + " " + VisibleText.escaped(line))
  }
}
