import Sluice
import Spool

/// Notes what runs in the in-flight record, so that a crash can be laid at its door.
struct RunRecorder: RunObserver {
  let record: InFlightRecord
  let suspects: SuspectRegister

  func writerStarts(sequence: Int64, index: Int) {
    record.begin(UInt64(sequence), index: index)
  }

  func writerGotFurther(sequence: Int64) { suspects.gotFurther(UInt64(sequence)) }

  func writerRests() { record.endGroup() }

  func reader(_ slot: Int, starts sequence: Int64) {
    record.begin(UInt64(sequence), reader: slot)
  }

  func readerRests(_ slot: Int) { record.end(reader: slot) }
}
