import Sluice
import Spool
import Synchronization

/// The claimed jobs that are not finished: what their files are called, how much memory they take,
/// and how many each directory has contributed.
///
/// Shared by the loop, which claims, and the publisher, which finishes.
final class ActiveJobs: Sendable {
  /// Files of one directory that are read ahead: the protocol promises exact order among as many.
  static let perLaneMax = 10_000
  /// Bytes of job files held in memory; beyond, a directory still has one job in hand.
  static let bytesMax = 16 << 20

  struct Entry: Sendable {
    var name: ClaimedName
    var bytes: Int
  }

  private struct State: Sendable {
    var entries: [Int64: Entry] = [:]
    var counts: [IncomingLane: Int] = [:]
    var bytes = 0
    var isWaitedFor = false
    var again: [ClaimedName] = []
  }

  private let state = Mutex(State())
  private let onRoom: @Sendable () -> Void

  /// - Parameter onRoom: called, on the publisher's thread, when there is room again or nothing left.
  init(onRoom: @escaping @Sendable () -> Void) { self.onRoom = onRoom }

  var count: Int { state.withLock { $0.entries.count } }

  /// How many more files of `lane` may be claimed.
  func room(_ lane: IncomingLane) -> Int {
    state.withLock { state in
      let claimed = state.counts[lane, default: 0]
      let isFull = claimed > 0 && state.bytes >= Self.bytesMax
      let room = isFull ? 0 : Self.perLaneMax - claimed
      if room <= 0 { state.isWaitedFor = true }
      return max(0, room)
    }
  }

  func add(_ name: ClaimedName, bytes: Int) {
    state.withLock { state in
      state.entries[Int64(name.sequence)] = Entry(name: name, bytes: bytes)
      state.counts[name.lane, default: 0] += 1
      state.bytes += bytes
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

  /// The job is finished, and its result published.
  func remove(_ sequence: Int64) {
    let wakes = state.withLock { state -> Bool in
      guard let entry = state.entries.removeValue(forKey: sequence) else { return false }
      state.counts[entry.name.lane, default: 0] -= 1
      state.bytes -= entry.bytes
      if state.entries.isEmpty { return true }
      // Half-empty is soon enough: a wake-up for every job would cost more than the claim.
      guard state.isWaitedFor, state.counts[entry.name.lane, default: 0] < Self.perLaneMax / 2,
        state.bytes < Self.bytesMax / 2
      else { return false }
      state.isWaitedFor = false
      return true
    }
    if wakes { onRoom() }
  }
}
