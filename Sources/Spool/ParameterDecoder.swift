import JSON
import Sluice

/// Reads the values that a job gives to its statements.
struct ParameterDecoder: Sendable {
  private static let forms =
    "null, a number, a string, true, false, {\"$blob\":\"base64\"} or "
    + "{\"$ref\":\"STATEMENT/ROW/COLUMN\"}"

  /// One set of values.
  ///
  /// - Parameter earlier: how many statements of the job come before; nil where that is not known.
  func set(_ field: Field, earlier: Int?) throws(JobFault) -> ParameterSet {
    switch field.node.value {
    case .array(let elements):
      var values: [Parameter] = []
      values.reserveCapacity(elements.count)
      for element in elements {
        values.append(try parameter(element, in: field.name, earlier: earlier))
      }
      return .positional(values)
    case .object(let members):
      var values: [NamedParameter] = []
      values.reserveCapacity(members.count)
      for member in members { values.append(try named(member, earlier: earlier)) }
      return .named(values)
    default:
      throw field.expected(
        field.name == "rows" ? "an array of arrays or objects" : "an array or an object of values")
    }
  }

  /// A set of values for each run.
  func rows(_ field: Field, earlier: Int?) throws(JobFault) -> [ParameterSet] {
    var sets: [ParameterSet] = []
    let rows = try field.array("an array of arrays or objects")
    sets.reserveCapacity(rows.count)
    for row in rows { sets.append(try set(Field(field.name, row), earlier: earlier)) }
    return sets
  }

  private func named(_ member: JSONMember, earlier: Int?) throws(JobFault) -> NamedParameter {
    if let first = member.key.utf8.first, ":@$".utf8.contains(first) {
      throw JobFault(
        message: "the parameter name \(Found.quoted(member.key)) begins with its sigil",
        hint: "write it without: \(Found.quoted(String(member.key.dropFirst())))",
        offset: member.keyOffset)
    }
    return NamedParameter(
      name: member.key, value: try parameter(member.node, in: member.key, earlier: earlier))
  }

  /// A value or a reference to one.
  ///
  /// - Parameter allowsReferences: false where a value must be known beforehand.
  func parameter(
    _ node: JSONNode, in name: String, earlier: Int?, allowsReferences: Bool = true
  ) throws(JobFault) -> Parameter {
    switch node.value {
    case .null: return .value(.null)
    case .bool(let bool): return .value(.integer(bool ? 1 : 0))
    case .integer(let integer): return .value(.integer(integer))
    case .real(let real): return .value(.real(real))
    case .string(let string): return .value(.text(string))
    case .array: throw notAValue(node, in: name)
    case .object(let members):
      guard members.count == 1, let member = members.first else { throw notAValue(node, in: name) }
      switch member.key {
      case "$blob": return .value(.blob(try blob(Field(member))))
      case "$ref":
        guard allowsReferences else {
          throw JobFault(
            message: "\"\(name)\" must be a value, found a \"$ref\"",
            hint: "a \"$ref\" can stand in \"params\" and \"rows\" only",
            offset: node.range.lowerBound)
        }
        return try reference(Field(member), earlier: earlier)
      default: throw notAValue(node, in: name)
      }
    }
  }

  private func notAValue(_ node: JSONNode, in name: String) -> JobFault {
    JobFault(
      message:
        "a value in \(Found.quoted(name)) must be \(Self.forms), found \(Found.name(node))",
      hint: "give JSON that is to be stored as a string", offset: node.range.lowerBound)
  }

  private func blob(_ field: Field) throws(JobFault) -> [UInt8] {
    let text = try field.string("a string of base64")
    do throws(Base64.Failure) {
      return try Base64.decode(text)
    } catch {
      throw JobFault(
        message: "\"$blob\" must be base64: \(error.message)",
        hint: "use the standard alphabet (RFC 4648, section 4) with padding",
        offset: field.node.range.lowerBound)
    }
  }

  private func reference(_ field: Field, earlier: Int?) throws(JobFault) -> Parameter {
    let what = "\"STATEMENT/ROW/COLUMN\", counted from 0, or \"last_insert_rowid\""
    let text = try field.string(what)
    if text == "last_insert_rowid" { return .lastInsertRowid }
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 3, let statement = Self.index(parts[0]), let row = Self.index(parts[1]),
      let column = Self.index(parts[2])
    else { throw field.expected(what) }
    if let earlier, statement >= earlier {
      throw JobFault(
        message: earlier == 0
          ? "\"$ref\" names statement \(statement), but no statement comes before this one"
          : "\"$ref\" names statement \(statement), but only 0 to \(earlier - 1) come before this",
        hint: "refer to an earlier statement of the same job",
        offset: field.node.range.lowerBound)
    }
    return .result(ResultPlace(statement: statement, row: row, column: column))
  }

  /// Decimal digits only: `Int` would take a sign.
  private static func index(_ text: Substring) -> Int? {
    text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
  }
}
