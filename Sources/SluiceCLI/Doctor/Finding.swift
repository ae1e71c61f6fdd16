import JSON

/// One thing that a look at a machine brought to light: what, where, and what to do.
struct Finding {
  enum State: String {
    /// As it should be.
    case ok
    /// Works, and is good to know.
    case note
    /// Has to be mended.
    case mend
  }

  var state: State
  /// What was looked at, in a word or two: `rename`, `open files`.
  var check: String
  /// The path, or another name for what it is about.
  var place: String
  var text: String
  /// What to do; nil where nothing is.
  var advice: String?

  static func ok(_ check: String, _ place: String, _ text: String) -> Finding {
    Finding(state: .ok, check: check, place: place, text: text)
  }

  static func note(
    _ check: String, _ place: String, _ text: String, advice: String? = nil
  ) -> Finding {
    Finding(state: .note, check: check, place: place, text: text, advice: advice)
  }

  static func mend(_ check: String, _ place: String, _ text: String, advice: String) -> Finding {
    Finding(state: .mend, check: check, place: place, text: text, advice: advice)
  }
}

extension [Finding] {
  var areWell: Bool { allSatisfy { $0.state != .mend } }

  /// Writes them as a table, and below it what to do about those that need it.
  func show() {
    let terminal = Terminal.output
    let rows = map { finding in
      [finding.state.rawValue, finding.check, finding.place, finding.text].map {
        TableFormat.Cell($0)
      }
    }
    TableFormat(columns: ["state", "check", "where", "finding"], rows: rows).show()
    let advised = filter { $0.advice != nil }
    if !advised.isEmpty { Output.line("") }
    for finding in advised {
      let head = "\(finding.state.rawValue) \(finding.check):"
      let dressed = finding.state == .mend ? terminal.red(head) : terminal.bold(head)
      Output.line(dressed + " " + VisibleText.escaped(finding.advice ?? ""))
    }
  }

  func write(to writer: inout JSONWriter) {
    writer.beginArray()
    for finding in self {
      writer.beginObject()
      writer.field("state", finding.state.rawValue)
      writer.field("check", finding.check)
      writer.field("where", finding.place)
      writer.field("finding", finding.text)
      writer.field("advice", finding.advice)
      writer.endObject()
    }
    writer.endArray()
  }
}
