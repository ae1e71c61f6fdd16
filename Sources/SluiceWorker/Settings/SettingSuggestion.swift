/// Finds the name that was meant.
enum SettingSuggestion {
  /// The nearest of the names, if it is near; of a dotted name the last part may be what was meant.
  static func nearest(to name: String, among names: some Sequence<String>) -> String? {
    let wanted = plain(name)
    let wantedLast = last(of: wanted)
    // A name of three letters is within one change of too much for a larger share.
    let bound = max(1, wanted.count / 3)
    var best: (name: String, distance: Int)?
    for candidate in names {
      let full = plain(candidate)
      let last = last(of: full)
      var distance = min(edits(wanted, full), edits(wanted, last))
      // `pool` for `pool_size`, `depth` for `json_depth`.
      let isPart =
        last.starts(with: wantedLast) || last.reversed().starts(with: wantedLast.reversed())
      if wantedLast.count >= 4, isPart { distance = min(distance, bound) }
      if distance <= bound, distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    return best?.name
  }

  private static func last(of name: [UInt8]) -> [UInt8] {
    name.split(separator: UInt8(ascii: ".")).last.map(Array.init) ?? name
  }

  /// Lower case, dashes as underscores: `Pool-Size` is no further away than `pool_size`.
  private static func plain(_ name: String) -> [UInt8] {
    name.lowercased().utf8.map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : $0 }
  }

  /// Insertions, deletions, replacements and swaps of neighbours that make one of the other.
  private static func edits(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...right.count)
    for i in left.indices {
      var row = [i + 1]
      for j in right.indices {
        var cost = min(row[j] + 1, last[j + 1] + 1, last[j] + (left[i] == right[j] ? 0 : 1))
        if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
          cost = min(cost, beforeLast[j - 1] + 1)
        }
        row.append(cost)
      }
      beforeLast = last
      last = row
    }
    return last[right.count]
  }
}
