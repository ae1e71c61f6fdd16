/// Is told which jobs run, so that a crash can be laid at their door; called on the threads that
/// run them, before a job's first statement.
public protocol RunObserver: Sendable {
  /// The writer starts a job, the `index`-th (from 0) of its group.
  func writerStarts(sequence: Int64, index: Int)
  /// A part of a job that takes several transactions is committed: whatever comes, it got further.
  func writerGotFurther(sequence: Int64)
  /// The writer's group has ended.
  func writerRests()
  func reader(_ slot: Int, starts sequence: Int64)
  func readerRests(_ slot: Int)
}

extension RunObserver {
  public func writerGotFurther(sequence: Int64) {}
}
