import Sluice
import Spool

/// Notes what runs in the in-flight record, so that a crash can be laid at its door.
///
/// A note that fails is not worth stopping for: it costs at most one more run of an innocent job.
struct RunRecorder: RunObserver {
  let record: InFlightRecord

  func writerStarts(sequence: Int64, index: Int) {
    try? record.begin(UInt64(sequence), index: index)
  }

  func writerRests() { try? record.endGroup() }

  func reader(_ slot: Int, starts sequence: Int64) {
    try? record.begin(UInt64(sequence), reader: slot)
  }

  func readerRests(_ slot: Int) { try? record.end(reader: slot) }
}
