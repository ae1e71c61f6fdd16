import JSON

/// What one statement of a job returned.
struct JobStatementResult {
  let node: JSONNode
  let source: [UInt8]

  /// nil where the statement returns no rows.
  var columns: [String]? { node["columns"]?.array?.map { $0.string ?? "" } }
  var rows: [[JSONNode]] { (node["rows"]?.array ?? []).map(fields) }
  var isTruncated: Bool { node["truncated"]?.bool ?? false }

  /// The fields of a row in the order of the columns, whether it is an array or an object.
  private func fields(_ row: JSONNode) -> [JSONNode] {
    row.array ?? (columns ?? []).map { row[$0] ?? JSONNode(.null) }
  }

  /// The rows laid out; nil where the statement returns none.
  var table: TableFormat? {
    columns.map { TableFormat(columns: $0, rows: rows.map { $0.map(cell) }) }
  }

  private func cell(_ value: JSONNode) -> TableFormat.Cell {
    switch value.value {
    case .null: return .null
    case .integer, .real: return TableFormat.Cell(number: text(of: value))
    case .string(let text): return TableFormat.Cell(text)
    case .object:
      guard let blob = value.blob else { return TableFormat.Cell(text(of: value)) }
      return TableFormat.Cell("x'" + blob.map(Self.hexadecimal).joined() + "'")
    case .bool, .array: return TableFormat.Cell(text(of: value))
    }
  }

  private static func hexadecimal(_ byte: UInt8) -> String {
    (byte < 16 ? "0" : "") + String(byte, radix: 16)
  }

  /// The JSON text of a value, as the result has it.
  private func text(of value: JSONNode) -> String {
    String(decoding: source[value.range], as: UTF8.self)
  }

  /// The rows as CSV with a header line: NULL empty, an empty string `""`, blobs in base64; nil
  /// where the statement returns none.
  var csv: [UInt8]? {
    guard let columns else { return nil }
    let heading = columns.map(Self.quoted).joined(separator: ",")
    let lines = rows.map { $0.map(csvField).joined(separator: ",") }
    return Array(([heading] + lines).joined(separator: "\n").utf8) + Array("\n".utf8)
  }

  private func csvField(_ value: JSONNode) -> String {
    switch value.value {
    case .null: ""
    case .string(let text): text.isEmpty ? "\"\"" : Self.quoted(text)
    case .object: value["$blob"]?.string ?? Self.quoted(text(of: value))
    case .integer, .real, .bool, .array: text(of: value)
    }
  }

  private static func quoted(_ text: String) -> String {
    let special = text.utf8.contains { byte in
      byte == UInt8(ascii: ",") || byte == UInt8(ascii: "\"") || byte == 0x0a || byte == 0x0d
    }
    guard special else { return text }
    let inner = text.unicodeScalars.reduce(into: "") { inner, scalar in
      if scalar == "\"" { inner += "\"" }
      inner.unicodeScalars.append(scalar)
    }
    return "\"" + inner + "\""
  }

  // MARK: Showing it

  /// Whether there are rows or changes to tell of.
  var hasSomethingToShow: Bool { columns != nil || node["changes"] != nil }

  /// Writes the rows as a table, else how many rows were changed.
  func show() {
    if let file = node["rows"]?["file"]?.string, let count = node["rows"]?["count"]?.integer {
      Output.line("\(count) \(count == 1 ? "row" : "rows") in results/\(file)")
    } else if let table {
      table.show()
      let count = table.rows.count
      let suffix = isTruncated ? ", cut off by max_rows" : ""
      Output.note(Terminal.error.dim("(\(count) \(count == 1 ? "row" : "rows")\(suffix))"))
    } else if let changes = node["changes"]?.integer {
      Output.line("\(changes) \(changes == 1 ? "row" : "rows") changed")
    }
  }
}

extension JSONNode {
  /// The bytes of `{"$blob":"base64"}`.
  fileprivate var blob: [UInt8]? { self["$blob"]?.string.flatMap { try? Base64.decode($0) } }
}
