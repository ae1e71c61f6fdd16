import Glibc

/// How text may be dressed on one of the standard descriptors: at all only on a terminal, and not
/// where `NO_COLOR` is set or the terminal is a dumb one.
struct Terminal {
  static let output = Terminal(STDOUT_FILENO)
  static let error = Terminal(STDERR_FILENO)

  /// Never dressed: for text that goes elsewhere.
  static let plain = Terminal()

  private let dresses: Bool

  private init() { dresses = false }

  private init(_ descriptor: Int32) {
    dresses =
      isatty(descriptor) == 1 && Environment["NO_COLOR"] == nil && Environment["TERM"] != "dumb"
  }

  func bold(_ text: String) -> String { dressed(text, "1") }
  func dim(_ text: String) -> String { dressed(text, "2") }
  func red(_ text: String) -> String { dressed(text, "31") }
  func green(_ text: String) -> String { dressed(text, "32") }

  private func dressed(_ text: String, _ code: String) -> String {
    dresses ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text
  }
}
