import Sluice
import Spool

/// The claimed jobs that are not finished: what their files are called, how much memory they take,
/// and how many each directory has contributed.
///
/// Shared by the loop, which claims, and the publisher, which finishes.
final class ActiveJobs: Sendable {
  /// Files of one directory that are read ahead: the protocol promises exact order among as many.
  static let perLaneMax = 10_000
  /// Bytes of job files held in memory; beyond, a directory still has one job in hand.
  static let bytesMax = 16 << 20
  /// Jobs of one directory that wait for a time, a dependency or a pause: some 300 bytes each, since
  /// their files are read again when they begin. Beyond, nothing more is claimed there.
  static let parkedPerLaneMax = 100_000

  struct Entry: Sendable {
    var name: ClaimedName
    var bytes: Int
    var id: String?
    var isParked = false
  }

  /// How a job ended that somebody watches.
  struct End: Sendable {
    var sequence: Int64
    var status: JobStatus
  }

  private struct State: Sendable {
    var entries: [Int64: Entry] = [:]
    var counts: [IncomingLane: Int] = [:]
    var parked: [IncomingLane: Int] = [:]
    var bytes = 0
    var isWaitedFor = false
    /// Handed back and not taken yet.
    var again: [ClaimedName] = []
    var watched: Set<Int64> = []
    var ended: [End] = []
    /// The latest job by name and id; nil until somebody asks for one.
    var latest: [String: Int64]?

    var parkedCount: Int { parked.values.reduce(0, +) }
  }

  private let state = Monitor(State())
  private let onRoom: @Sendable () -> Void

  /// - Parameter onRoom: called, on the publisher's thread, when there is room again, nothing left
  ///   that runs, or a watched job has ended.
  init(onRoom: @escaping @Sendable () -> Void) { self.onRoom = onRoom }

  var count: Int { state.withLock { $0.entries.count } }

  /// Jobs that are not parked.
  var busyCount: Int { state.withLock { $0.entries.count - $0.parkedCount } }

  /// Whether every job is parked, and the end of each that was watched is taken.
  var isQuiet: Bool {
    state.withLock { $0.entries.count == $0.parkedCount && $0.ended.isEmpty }
  }

  /// How many more files of `lane` may be claimed.
  func room(_ lane: IncomingLane) -> Int {
    state.withLock { state in
      let claimed = state.counts[lane, default: 0]
      let isFull = claimed > 0 && state.bytes >= Self.bytesMax
      var room = isFull ? 0 : Self.perLaneMax - claimed
      room = min(room, Self.parkedPerLaneMax - state.parked[lane, default: 0])
      if room <= 0 { state.isWaitedFor = true }
      return max(0, room)
    }
  }

  /// Whether parked jobs may be taken up again: more than the directories can fill by themselves, so
  /// that a backlog keeps no parked job from its turn.
  var hasRoomToStart: Bool {
    state.withLock { state in
      let busy = state.entries.count - state.parkedCount
      let hasRoom = state.bytes < 2 * Self.bytesMax && busy < 8 * Self.perLaneMax
      if !hasRoom { state.isWaitedFor = true }
      return hasRoom
    }
  }

  /// Adds a job, or takes a parked one up again.
  func add(_ name: ClaimedName, bytes: Int) {
    state.withLock { state in
      let sequence = Int64(name.sequence)
      var entry = Entry(name: name, bytes: bytes)
      if let old = state.entries[sequence] {
        entry.id = old.id
        Self.discount(old, &state)
      }
      state.entries[sequence] = entry
      state.counts[name.lane, default: 0] += 1
      state.bytes += bytes
      if let latest = state.latest?[name.job.text], latest >= sequence { return }
      state.latest?[name.job.text] = sequence
    }
  }

  /// The job is also known by an id.
  func identify(_ sequence: Int64, as id: String) {
    state.withLock { state in
      guard state.entries[sequence] != nil else { return }
      state.entries[sequence]?.id = id
      if let latest = state.latest?[id], latest >= sequence { return }
      state.latest?[id] = sequence
    }
  }

  /// The job waits, and its content is not held any more.
  func park(_ sequence: Int64) {
    state.withLock { state in
      guard var entry = state.entries[sequence], !entry.isParked else { return }
      Self.discount(entry, &state)
      entry.isParked = true
      entry.bytes = 0
      state.entries[sequence] = entry
      state.parked[entry.name.lane, default: 0] += 1
    }
  }

  private static func discount(_ entry: Entry, _ state: inout State) {
    if entry.isParked {
      state.parked[entry.name.lane, default: 0] -= 1
    } else {
      state.counts[entry.name.lane, default: 0] -= 1
      state.bytes -= entry.bytes
    }
  }

  func name(of ticket: JobTicket) -> ClaimedName? {
    state.withLock { $0.entries[ticket.sequence]?.name }
  }

  // MARK: Once more

  /// Jobs that have ended, and are to run again: their results may be lost.
  func handBack(_ names: [ClaimedName]) {
    if names.isEmpty { return }
    state.withLock { $0.again += names }
    onRoom()
  }

  func takeHandedBack() -> [ClaimedName] {
    state.withLock { state in
      if state.again.isEmpty { return [] }
      defer { state.again.removeAll() }
      return state.again
    }
  }

  /// Jobs that were handed back and not taken yet.
  var handedBackCount: Int { state.withLock { $0.again.count } }

  // MARK: By name

  /// The latest job of that name or id, whose end is told from now on; nil where none is in hand.
  func watch(latest nameOrID: String) -> Int64? {
    state.withLock { state in
      // Built when it is first asked for: most spools never ask.
      let latest = state.latest ?? Self.index(state.entries)
      state.latest = latest
      guard let sequence = latest[nameOrID] else { return nil }
      state.watched.insert(sequence)
      return sequence
    }
  }

  private static func index(_ entries: [Int64: Entry]) -> [String: Int64] {
    var latest: [String: Int64] = [:]
    for (sequence, entry) in entries {
      for key in [entry.name.job.text, entry.id].compactMap({ $0 }) {
        latest[key] = max(latest[key] ?? sequence, sequence)
      }
    }
    return latest
  }

  /// The latest job of that name or id that is no command, without watching it. O(n).
  func find(_ nameOrID: String, where isMeant: (Entry) -> Bool) -> Int64? {
    state.withLock { state in
      state.entries.filter { _, entry in
        (entry.name.job.text == nameOrID || entry.id == nameOrID) && isMeant(entry)
      }.keys.max()
    }
  }

  func watch(_ sequence: Int64) {
    state.withLock { state in
      if state.entries[sequence] != nil { state.watched.insert(sequence) }
    }
  }

  /// What has become of watched jobs since the last call.
  func takeEnded() -> [End] {
    state.withLock { state in
      if state.ended.isEmpty { return [] }
      defer { state.ended.removeAll() }
      return state.ended
    }
  }

  // MARK: The end

  /// The job is finished, and its result published.
  func remove(_ sequence: Int64, _ status: JobStatus) {
    let wakes = state.withLock { state -> Bool in
      guard let entry = state.entries.removeValue(forKey: sequence) else { return false }
      Self.discount(entry, &state)
      if state.latest != nil { Self.forget(entry, sequence, &state) }
      let isWatched = !state.watched.isEmpty && state.watched.remove(sequence) != nil
      if isWatched { state.ended.append(End(sequence: sequence, status: status)) }
      if isWatched || state.entries.count == state.parkedCount { return true }
      // Half-empty is soon enough: a wake-up for every job would cost more than the claim.
      guard state.isWaitedFor, state.counts[entry.name.lane, default: 0] < Self.perLaneMax / 2,
        state.bytes < Self.bytesMax / 2
      else { return false }
      state.isWaitedFor = false
      return true
    }
    if wakes { onRoom() }
  }

  private static func forget(_ entry: Entry, _ sequence: Int64, _ state: inout State) {
    if state.entries.isEmpty {
      state.latest = nil
      return
    }
    for key in [entry.name.job.text, entry.id].compactMap({ $0 })
    where state.latest?[key] == sequence {
      state.latest?[key] = nil
    }
  }
}
