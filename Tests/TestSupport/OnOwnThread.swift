import Sluice

/// Runs what takes long, and mostly waits, on a thread of its own: the tests' own pool has one per
/// core, and others want to run meanwhile.
public func onOwnThread<Value: Sendable>(
  _ body: @escaping @Sendable () throws -> Value
) async throws -> Value {
  try await withCheckedThrowingContinuation { continuation in
    do {
      // Detached when the object goes; the continuation is what is waited for.
      _ = try OwnedThread(name: "test") { continuation.resume(with: Result(catching: body)) }
    } catch {
      continuation.resume(throwing: error)
    }
  }
}
