import JSON

/// The names that an object may have as keys; any other is refused with the nearest of them.
struct FieldTable<Name: RawRepresentable & Sendable>: Sendable where Name.RawValue == String {
  /// Where the object stands, to follow "in": `a job`.
  let place: String
  private let names: [String: Name]
  /// In the order in which a message lists them.
  private let listed: [String]

  init(_ place: String, _ names: [Name]) {
    self.place = place
    self.names = Dictionary(uniqueKeysWithValues: names.map { ($0.rawValue, $0) })
    listed = names.map(\.rawValue)
  }

  func name(of member: JSONMember) throws(JobFault) -> Name {
    if let name = names[member.key] { return name }
    let hint =
      Spelling.nearest(to: member.key, among: listed).map { "did you mean \"\($0)\"?" }
      ?? "known there: " + listed.joined(separator: ", ")
    throw JobFault(
      message: "unknown field \(Found.quoted(member.key)) in \(place)", hint: hint,
      offset: member.keyOffset)
  }
}

/// Guesses what a misspelt name was meant to be.
enum Spelling {
  /// From here on the beginning of a name is taken for the name.
  private static let prefixMin = 3

  /// The known name that differs from `word` least, if by no more than a slip or two, or else the
  /// one that it is cut off from.
  static func nearest(to word: String, among names: [String]) -> String? {
    let folded = Array(word.lowercased().unicodeScalars.prefix(40))
    var best: (name: String, distance: Int)?
    for name in names {
      let candidate = Array(name.unicodeScalars)
      let distance = distance(folded, candidate)
      let allowed = max(1, min(3, candidate.count / 2))
      if distance <= allowed, distance < best?.distance ?? .max { best = (name, distance) }
    }
    if best == nil, folded.count >= prefixMin {
      return names.first { $0.unicodeScalars.starts(with: folded) }
    }
    return best?.name
  }

  /// Insertions, deletions, replacements and swaps of neighbours between two words (optimal string
  /// alignment).
  static func distance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...right.count)
    for row in left.indices {
      var current = [row + 1]
      for column in right.indices {
        let replaced = last[column] + (left[row] == right[column] ? 0 : 1)
        var cost = min(replaced, last[column + 1] + 1, current[column] + 1)
        if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
          cost = min(cost, beforeLast[column - 1] + 1)
        }
        current.append(cost)
      }
      (beforeLast, last) = (last, current)
    }
    return last[right.count]
  }
}
