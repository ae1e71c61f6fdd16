import TestSupport

/// What a disk may hold after a power failure: one of the many trees that a history allows.
///
/// The names are those after some number of name changes, at least those that a sync has made
/// durable: a journal keeps their order. The content of a file is what its last sync covers, and of
/// what was written later any part, by sectors: a journal keeps no order of data, nor between data
/// and names. The sync of a file says nothing of its name.
struct CrashState {
  static let sector = 512

  /// The line of the trace at which the power fails.
  let cut: Int
  let names: DiskHistory.Names
  private let history: DiskHistory
  private let fate: Fate
  private let seed: UInt64

  /// What becomes of data that was not synced.
  enum Fate: CaseIterable {
    case kept, lost
    /// Another fate for each file, of those below.
    case mixed
  }

  enum FileFate: CaseIterable {
    case kept, lost
    /// Some sectors are new, the others what they were, or zero.
    case torn
    /// As long as it was to become, and nothing but zeros where it is new.
    case zeros
    /// A first part of what was written.
    case prefix
  }

  /// The state of that number: the same for the same history and seed.
  init(_ number: Int, of history: DiskHistory, seed: UInt64) {
    var random = SeededGenerator(seed: seed &+ UInt64(number) &* 0x9e37_79b9)
    let cuts = history.cuts
    let cut = cuts[Int.random(in: 0..<cuts.count, using: &random)]
    let changes = history.nameChanges.prefix { $0.span.entry < cut }
    let floor = Self.durableNames(history, cut)
    let kept =
      switch Int.random(in: 0..<4, using: &random) {
      case 0: changes.count
      case 1: floor
      default: Int.random(in: floor...changes.count, using: &random)
      }
    let fate = Fate.allCases[[0, 1, 1, 2, 2, 2][Int.random(in: 0..<6, using: &random)]]
    self.init(history, cut: cut, names: kept, fate: fate, seed: random.next())
  }

  /// - Parameter names: how many name changes are kept.
  init(_ history: DiskHistory, cut: Int, names count: Int, fate: Fate, seed: UInt64) {
    self.history = history
    self.cut = cut
    self.fate = fate
    self.seed = seed
    var names = DiskHistory.Names()
    for change in history.nameChanges.prefix(count) { names.apply(change.change) }
    self.names = names
  }

  /// How many name changes cannot be lost any more.
  static func durableNames(_ history: DiskHistory, _ cut: Int) -> Int {
    var floor = 0
    func raise(_ sync: DiskHistory.Span, _ concerns: (DiskHistory.NameChange) -> Bool) {
      guard sync.exit < cut else { return }
      let last = history.nameChanges.lastIndex {
        $0.span.exit < sync.entry && concerns($0.change)
      }
      if let last { floor = max(floor, last + 1) }
    }
    for sync in history.systemSyncs { raise(sync) { _ in true } }
    for sync in history.directorySyncs { raise(sync.span) { $0.directories.contains(sync.path) } }
    return floor
  }

  /// Everything that had happened, as a kill of all processes leaves it.
  static func whole(_ history: DiskHistory, cut: Int) -> CrashState {
    let count = history.nameChanges.prefix { $0.span.entry < cut }.count
    return CrashState(history, cut: cut, names: count, fate: .kept, seed: 0)
  }

  // MARK: Content

  /// The content of a file in this state.
  func content(ofFile number: Int) -> [UInt8] {
    let file = history.files[number]
    let changes = file.changes.filter { $0.span.entry < cut }
    let durable = durable(file, changes)
    var content = Content()
    for change in changes[..<durable] { content.apply(change.change) }
    let pending = Array(changes[durable...])
    if pending.isEmpty { return content.bytes }
    var random = SeededGenerator(seed: seed &+ UInt64(number) &* 0x85eb_ca6b)
    switch fileFate(&random) {
    case .kept: for change in pending { content.apply(change.change) }
    case .lost: break
    case .prefix:
      let count = Int.random(in: 0...pending.count, using: &random)
      for change in pending[..<count] { content.apply(change.change) }
    case .zeros:
      content.bytes += [UInt8](repeating: 0, count: max(0, size(pending) - content.bytes.count))
    case .torn: content.tear(pending.map(\.change), &random)
    }
    return content.bytes
  }

  private func fileFate(_ random: inout SeededGenerator) -> FileFate {
    switch fate {
    case .kept: .kept
    case .lost: .lost
    case .mixed: FileFate.allCases[Int.random(in: 0..<FileFate.allCases.count, using: &random)]
    }
  }

  /// How many of the changes a sync of the file, or of all files, has covered.
  private func durable(
    _ file: DiskHistory.File, _ changes: [(span: DiskHistory.Span, change: DiskHistory.Change)]
  ) -> Int {
    var durable = 0
    for sync in file.syncs + history.systemSyncs where sync.exit < cut {
      let covered = changes.prefix { $0.span.exit < sync.entry }.count
      durable = max(durable, covered)
    }
    return durable
  }

  private func size(
    _ changes: [(span: DiskHistory.Span, change: DiskHistory.Change)]
  ) -> Int {
    changes.reduce(0) { size, change in
      switch change.change {
      case .write(let offset, let bytes): max(size, offset + bytes.count)
      case .resize(let new): new
      }
    }
  }

  /// A file's bytes while changes are applied.
  private struct Content {
    var bytes: [UInt8] = []

    mutating func apply(_ change: DiskHistory.Change) {
      switch change {
      case .resize(let size): resize(size)
      case .write(let offset, let new): write(new[...], at: offset)
      }
    }

    private mutating func resize(_ size: Int) {
      if size < bytes.count {
        bytes.removeLast(bytes.count - size)
      } else {
        bytes.append(contentsOf: repeatElement(0, count: size - bytes.count))
      }
    }

    private mutating func write(_ new: ArraySlice<UInt8>, at offset: Int) {
      if offset + new.count > bytes.count { resize(offset + new.count) }
      bytes.replaceSubrange(offset..<offset + new.count, with: new)
    }

    /// Applies, of the changes up to some resize that is lost with all that follows it, any part.
    mutating func tear(_ changes: [DiskHistory.Change], _ random: inout SeededGenerator) {
      let resizes = changes.indices.filter { if case .resize = changes[$0] { true } else { false } }
      let ends = resizes + [changes.count]
      let end = ends[Int.random(in: 0..<ends.count, using: &random)]
      let share = [0.1, 0.5, 0.9][Int.random(in: 0..<3, using: &random)]
      let whole = changes[..<end].reduce(bytes.count) { size, change in
        switch change {
        case .write(let offset, let new): max(size, offset + new.count)
        case .resize(let new): new
        }
      }
      // Of each sector the writes up to some one have arrived.
      var arrived: [Int: Int] = [:]
      for (index, change) in changes[..<end].enumerated() {
        guard case .write(let offset, let new) = change else {
          apply(change)
          continue
        }
        var place = offset
        while place < offset + new.count {
          let sector = place / CrashState.sector
          let next = min((sector + 1) * CrashState.sector, offset + new.count)
          let last =
            arrived[sector]
            ?? (Double.random(in: 0..<1, using: &random) < share
              ? Int.max : Int.random(in: 0...end, using: &random))
          arrived[sector] = last
          if index < last { write(new[(place - offset)..<(next - offset)], at: place) }
          place = next
        }
      }
      // The size may have been written without the data.
      if Bool.random(using: &random), whole > bytes.count { resize(whole) }
    }
  }
}
