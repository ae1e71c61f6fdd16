/// One value that one thread waits for and another gives, once.
final class Answer<Value: Sendable>: Sendable {
  private let state = Monitor<Value?>(nil)

  func give(_ value: Value) {
    state.withLock { $0 = value }
    state.broadcast()
  }

  /// Blocks until it is given.
  func wait() -> Value {
    guard let value = state.wait({ $0 }) else {
      preconditionFailure("a wait without a deadline ended without a value")
    }
    return value
  }
}
