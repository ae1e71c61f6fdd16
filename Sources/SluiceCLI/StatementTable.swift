extension JobStatementResult {
  /// Whether there are rows or changes to tell of.
  var hasSomethingToShow: Bool { columns != nil || node["changes"] != nil }

  /// Writes the rows as a table, else how many rows were changed.
  func show() {
    if let table {
      table.show()
      let count = table.rows.count
      let suffix = isTruncated ? ", cut off by max_rows" : ""
      Output.note(Terminal.error.dim("(\(count) \(count == 1 ? "row" : "rows")\(suffix))"))
    } else if let changes = node["changes"]?.integer {
      Output.line("\(changes) \(changes == 1 ? "row" : "rows") changed")
    }
  }
}
