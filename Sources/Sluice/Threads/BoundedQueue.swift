/// Hands elements from some threads to others in order, never more than `capacity` at a time.
///
/// Closing it loses nothing: what was pushed is still popped; only new elements are refused.
/// Any method may be called from any thread; those that say so block.
public final class BoundedQueue<Element: Sendable>: Sendable {
  /// What became of an element that was offered without waiting.
  public enum Offer: Sendable, Equatable {
    /// It is in; `wasEmpty` tells a producer that its consumer may need a wake-up.
    case accepted(wasEmpty: Bool)
    case full
    case closed
  }

  private struct State: Sendable {
    /// The oldest elements, the very oldest last.
    var outbox: [Element] = []
    /// The newer ones, the newest last; turned over when the outbox is empty: amortised O(1).
    var inbox: [Element] = []
    var closed = false

    var count: Int { outbox.count + inbox.count }

    mutating func takeAll() -> [Element] {
      if outbox.isEmpty {
        defer { inbox = [] }
        return inbox
      }
      defer {
        outbox = []
        inbox = []
      }
      return outbox.reversed() + inbox
    }

    mutating func takeFirst() -> Element? {
      if outbox.isEmpty {
        outbox = inbox.reversed()
        inbox = []
      }
      return outbox.popLast()
    }
  }

  /// Two conditions, since one signal to a mixed crowd could wake a thread it does not help.
  private static var notEmpty: Int { 0 }
  private static var notFull: Int { 1 }

  public let capacity: Int
  private let monitor: Monitor<State>

  public init(capacity: Int) {
    precondition(capacity >= 1, "a queue of no capacity passes nothing on")
    self.capacity = capacity
    monitor = Monitor(State(), conditions: 2)
  }

  public var count: Int { monitor.withLock { $0.count } }

  public var isClosed: Bool { monitor.withLock { $0.closed } }

  /// Adds `element` unless the queue is full or closed. Does not block.
  public func offer(_ element: Element) -> Offer {
    let offer: Offer = monitor.withLock { state in
      if state.closed { return .closed }
      if state.count >= capacity { return .full }
      let wasEmpty = state.count == 0
      state.inbox.append(element)
      return .accepted(wasEmpty: wasEmpty)
    }
    if case .accepted = offer { monitor.signal(Self.notEmpty) }
    return offer
  }

  /// Adds `element`; blocks while the queue is full.
  ///
  /// - Returns: false if the queue is closed; the element was not added.
  @discardableResult
  public func push(_ element: Element) -> Bool {
    let accepted = monitor.wait(for: Self.notFull) { state -> Bool? in
      if state.closed { return false }
      if state.count >= capacity { return nil }
      state.inbox.append(element)
      return true
    }
    guard accepted == true else { return false }
    monitor.signal(Self.notEmpty)
    return true
  }

  /// Takes the oldest element; blocks while there is none.
  ///
  /// - Returns: nil when the queue is closed and empty, or once `deadline` has passed.
  public func pop(until deadline: MonotonicTime? = nil) -> Element? {
    let popped = monitor.wait(for: Self.notEmpty, until: deadline) { state -> Popped? in
      if let element = state.takeFirst() { return .element(element) }
      return state.closed ? .end : nil
    }
    guard case .element(let element) = popped else { return nil }
    monitor.signal(Self.notFull)
    return element
  }

  /// Takes all elements, oldest first; blocks while there is none.
  ///
  /// - Returns: nothing when the queue is closed and empty, or once `deadline` has passed.
  public func popAll(until deadline: MonotonicTime? = nil) -> [Element] {
    let batch = monitor.wait(for: Self.notEmpty, until: deadline) { state -> [Element]? in
      if state.count == 0 && !state.closed { return nil }
      return state.takeAll()
    }
    guard let batch, !batch.isEmpty else { return [] }
    monitor.broadcast(Self.notFull)
    return batch
  }

  /// Takes what is there, oldest first. Does not block.
  public func drain() -> [Element] {
    let batch = monitor.withLock { $0.takeAll() }
    if !batch.isEmpty { monitor.broadcast(Self.notFull) }
    return batch
  }

  /// Refuses new elements from now on and wakes everybody who waits. May be called twice.
  public func close() {
    monitor.withLock { $0.closed = true }
    monitor.broadcast(Self.notEmpty)
    monitor.broadcast(Self.notFull)
  }

  private enum Popped {
    case element(Element)
    case end
  }
}
