import Sluice
import Spool

/// The jobs that may have killed workers, known to all threads from the start: a batch whose chunk
/// is committed got further and is one no more.
final class SuspectRegister: Sendable {
  private let layout: SpoolLayout
  private let list = Monitor(SuspectList())

  init(_ layout: SpoolLayout) { self.layout = layout }

  /// Takes over what the start found, before anything runs.
  func begin(_ suspects: SuspectList) { list.withLock { $0 = suspects } }

  func isPoison(_ sequence: UInt64) -> Bool { list.withLock { $0.poison.contains(sequence) } }

  func isSuspect(_ sequence: UInt64) -> Bool { list.withLock { $0.isSuspect(sequence) } }

  func gotFurther(_ sequence: UInt64) {
    let changed = list.withLock { list -> SuspectList? in
      guard list.isSuspect(sequence) else { return nil }
      list.clear(sequence)
      return list
    }
    // Where it cannot be written, the job is merely suspected for longer.
    if let changed { try? changed.save(layout) }
  }
}
