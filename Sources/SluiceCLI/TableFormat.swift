/// Lays rows out in columns of equal width, numbers to the right.
struct TableFormat {
  /// One field of a row.
  struct Cell {
    var text: String
    var isNumber = false
    var isNull = false

    init(_ text: String) { self.text = text }

    init(number: String) {
      text = number
      isNumber = true
    }

    init(_ number: Int) { self.init(number: String(number)) }

    static var null: Cell {
      var cell = Cell("NULL")
      cell.isNull = true
      return cell
    }
  }

  var columns: [String]
  var rows: [[Cell]]

  /// The heading and the rows, one line each; two spaces between columns, none at a line's end.
  func lines(for terminal: Terminal) -> [String] {
    let heading = columns.map { VisibleText.escaped($0) }
    let shown = rows.map { row in
      row.map { cell in
        var cell = cell
        cell.text = VisibleText.escaped(cell.text)
        return cell
      }
    }
    let isRight = heading.indices.map { column in
      let filled = shown.compactMap { row in
        row.indices.contains(column) && !row[column].isNull ? row[column] : nil
      }
      return !filled.isEmpty && filled.allSatisfy(\.isNumber)
    }
    let widths = heading.indices.map { column in
      shown.reduce(heading[column].count) { width, row in
        row.indices.contains(column) ? max(width, row[column].text.count) : width
      }
    }
    func line(_ cells: [Cell], dress: (Cell, String) -> String) -> String {
      let last = cells.count - 1
      return cells.enumerated().map { column, cell in
        let padding = String(repeating: " ", count: widths[column] - cell.text.count)
        let text = dress(cell, cell.text)
        if isRight[column] { return padding + text }
        return column == last ? text : text + padding
      }.joined(separator: "  ")
    }
    return [line(heading.map { Cell($0) }) { terminal.bold($1) }]
      + shown.map { row in line(row) { $0.isNull ? terminal.dim($1) : $1 } }
  }

  /// Writes the table to standard output.
  func show() {
    for line in lines(for: .output) { Output.line(line) }
  }
}
