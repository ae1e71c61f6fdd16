import Sluice
import Spool

/// A batch of published results as the settler is given it.
struct Settlement: Sendable {
  let sync: SettleHandle
  /// The highest key of each database up to which all results are published.
  let keys: [String: Int64]
  /// Job files that may go once their results are durable.
  let reads: [ClaimedName]
}

/// What makes a batch durable, shared by the publisher, which opens it, and the settler.
final class SettleHandle: Sendable {
  /// Opened before the first result was written; nil where it could not be, and then nothing of that
  /// batch is ever called durable.
  let batch: SettleBatch?

  init(_ batch: consuming SettleBatch?) { self.batch = batch }
}
