import SluiceWorker
import Spool

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

  /// Writes the line to standard error.
  func report() {
    let line = [message, hint].compactMap { $0 }.joined(separator: "; ")
    Output.note(Terminal.error.red("sluice:") + " " + VisibleText.escaped(line))
  }
}

extension CommandFailure {
  /// What another layer threw, as the end of the command; nil for what is none of theirs.
  init?(_ error: any Error) {
    switch error {
    case let failure as CommandFailure: self = failure
    case let error as FileError: self.init(.notDone, error.description)
    case let error as SpoolError:
      switch error.kind {
      // A wrong argument, most likely.
      case .missing, .notADirectory: self.init(.usage, error.message, hint: error.hint)
      case .readOnly, .severalFileSystems, .held, .damaged, .system:
        self.init(.notDone, error.message, hint: error.hint)
      }
    case let error as SettingsError:
      self.init(Status(rawValue: error.exitCode) ?? .usage, error.message, hint: error.hint)
    default: return nil
    }
  }
}
