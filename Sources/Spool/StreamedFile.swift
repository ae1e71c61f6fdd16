import Sluice
import Synchronization

/// A result, or the rows beside it, that is written while its read still runs.
///
/// What fits into one piece stays in memory until it is published, so that small files cost no more
/// than small results; a longer one is durable before that.
public final class StreamedFile: RowSink {
  private struct State: ~Copyable {
    var scratch: ScratchFile?
    var held: [UInt8] = []
    var isDurable = false
    var isPublished = false
  }

  /// Of the published file.
  public let name: String
  private let isResult: Bool
  private let results: Directory
  private let scratchName: String
  private let store: StreamedFileStore
  private let state = Monitor(State())

  fileprivate init(
    _ name: String, isResult: Bool, scratch: String, _ store: StreamedFileStore
  ) {
    self.name = name
    self.isResult = isResult
    scratchName = scratch
    results = store.results
    self.store = store
  }

  private func makeScratch() throws(FileError) -> ScratchFile {
    try ScratchFile(results, name, scratch: scratchName, isResult: isResult)
  }

  private func writeHeld(_ state: inout State) throws(FileError) {
    if state.held.isEmpty { return }
    if state.scratch == nil { state.scratch = try makeScratch() }
    try state.scratch?.write(state.held)
    state.held.removeAll(keepingCapacity: true)
  }

  public func write(_ bytes: inout [UInt8]) throws(StorageFailure) {
    do throws(FileError) {
      try state.withLock { (state) throws(FileError) in
        try writeHeld(&state)
        swap(&state.held, &bytes)
      }
    } catch {
      throw store.failed(error)
    }
  }

  public func finish() throws(StorageFailure) {
    do throws(FileError) {
      try state.withLock { (state) throws(FileError) in
        guard state.scratch != nil else { return }
        try writeHeld(&state)
        // The settling of results answers only for what was written after it was begun.
        try state.scratch?.sync()
        state.isDurable = true
      }
    } catch {
      throw store.failed(error)
    }
    store.succeeded()
  }

  /// Gives the file its name, replacing an older one of that name; once. May be tried again after an
  /// error.
  public func publish() throws(FileError) {
    try state.withLock { (state) throws(FileError) in
      if state.isPublished { return }
      if !state.isDurable {
        // An earlier try may have left a part of it.
        state.scratch = nil
        let fresh = try makeScratch()
        try fresh.write(state.held)
        state.scratch = consume fresh
      }
      try state.scratch?.publish()
      state.isPublished = true
      state.scratch = nil
    }
  }
}

/// Makes the files that reads are streamed into, in `results/`.
public final class StreamedFileStore: RowStore {
  /// What a probe for room writes: a job that does not fit where this fits is itself the cause.
  private static let probeSize = 1 << 20

  fileprivate let results: Directory
  private let report: @Sendable (String) -> Void
  private let number = Atomic<UInt64>(0)
  private let isFailing = Atomic<Bool>(false)

  /// - Parameter report: told what an operator should know, once until it has passed.
  public init(_ layout: SpoolLayout, report: @escaping @Sendable (String) -> Void) {
    results = layout.results
    self.report = report
  }

  private func scratchName() -> String {
    // Reads of one name may run at the same time, so the scratch cannot bear it.
    ".read-\(number.wrappingAdd(1, ordering: .relaxed).newValue).tmp"
  }

  public func begin(_ content: StreamedContent, of ticket: JobTicket) -> any RowSink {
    let job = JobName(ticket.name)
    switch content {
    case .result:
      return StreamedFile(
        job?.result ?? ticket.name, isResult: true, scratch: scratchName(), self)
    case .rows(let format):
      let name =
        job?.rows(format: format.rawValue) ?? "\(ticket.name).rows.\(format.rawValue)"
      return StreamedFile(name, isResult: false, scratch: scratchName(), self)
    }
  }

  public func hasRoom() -> Bool {
    do throws(FileError) {
      let probe = try ScratchFile(results, "", scratch: scratchName())
      try probe.write([UInt8](repeating: 0, count: Self.probeSize))
      try probe.sync()
      return true
    } catch {
      return false
    }
  }

  fileprivate func failed(_ error: FileError) -> StorageFailure {
    if !isFailing.exchange(true, ordering: .relaxed) {
      report("what reads return cannot be written: \(error); they are run again until it works")
    }
    return StorageFailure("\(error)", isFull: error.isFull)
  }

  fileprivate func succeeded() {
    if isFailing.load(ordering: .relaxed), isFailing.exchange(false, ordering: .relaxed) {
      report("what reads return is written again")
    }
  }
}
