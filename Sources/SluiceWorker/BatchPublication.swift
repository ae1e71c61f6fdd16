import Glibc
import Sluice
import Spool

/// Writes what the result of a batch consists of beside its totals: `results/NAME.jsonl` with the
/// results of all lines, and `failed/NAME.jsonl` with the lines that were not done.
///
/// Both are made from the committed chunks, so they can be made again after a crash. Memory holds
/// one chunk. Any thread, but one at a time for one name.
struct BatchPublication: Sendable {
  private let layout: SpoolLayout
  private let results: ResultWriter
  private let decoder: JobDecoder

  init(_ layout: SpoolLayout, _ results: ResultWriter, _ decoder: JobDecoder) {
    self.layout = layout
    self.results = results
    self.decoder = decoder
  }

  /// Puts the results of the lines under their name; before the totals.
  func publishLines(
    of name: JobName, sequence: UInt64, _ engine: Engine
  ) throws(FileError) {
    var scratch = try results.begin(name.text)
    var chunks = try Chunks(engine, sequence, layout.results.pathOf(name.text))
    while let chunk = try chunks.next() { try scratch.write(chunk.results) }
    try scratch.publish()
  }

  /// Puts what is left of a batch into `failed/`, and takes its file out of `active/`.
  func putAway(_ name: ClaimedName, _ engine: Engine) throws(FileError) {
    try takeAway(name, leaveOver(name, engine))
  }

  /// How a batch's file is to go from `active/`.
  enum Leaving {
    /// What is left of it is in `failed/`, or nothing is.
    case remove
    /// It can be read as a batch no more, and is left over as it is.
    case move
  }

  func takeAway(_ name: ClaimedName, _ leaving: Leaving) throws(FileError) {
    switch leaving {
    case .remove: try results.remove(name)
    case .move: try results.moveToFailed(name)
    }
  }

  /// Puts what is left of a batch into `failed/`, durably; its file stays in `active/`.
  func leaveOver(_ name: ClaimedName, _ engine: Engine) throws(FileError) -> Leaving {
    var scratch = try results.beginFailed(name)
    var chunks = try Chunks(engine, name.sequence, layout.failed.pathOf(name.job.text))
    var isEmpty = true
    var last: BatchChunk?
    while let chunk = try chunks.next() {
      if !chunk.leftover.isEmpty { isEmpty = false }
      try scratch.write(chunk.leftover)
      last = chunk
    }
    if let last, last.leavesRest {
      do {
        for bytes in try Rest(layout, name, decoder, last, withHeader: isEmpty) {
          try scratch.write(bytes.get())
          isEmpty = false
        }
      } catch let error as FileError {
        throw error
      } catch {
        return .move
      }
    }
    if !isEmpty {
      // The file it is made from goes, and with it the only other copy.
      try scratch.sync()
      try scratch.publish()
    }
    return .remove
  }

  /// The chunks of a batch in order; an error of the database is one of the file that was to be
  /// made from them.
  private struct Chunks: ~Copyable {
    private let chunks: BatchChunks
    private let path: String
    private var number: Int64 = 0

    init(_ engine: Engine, _ sequence: UInt64, _ path: String) throws(FileError) {
      self.path = path
      do throws(JobError) {
        chunks = try engine.chunks(ofBatch: Int64(sequence))
      } catch {
        throw FileError(.write, path: path, errno: EIO, hint: error.message)
      }
    }

    mutating func next() throws(FileError) -> BatchChunk? {
      defer { number += 1 }
      do throws(JobError) {
        return try chunks.chunk(number)
      } catch {
        throw FileError(.write, path: path, errno: EIO, hint: error.message)
      }
    }
  }
}

/// The lines behind the last chunk of a batch that ended early, as they are left over.
private struct Rest: Sequence, IteratorProtocol {
  private let reader: any BatchReader
  private var sql: String?
  private var header: [UInt8]?

  init(
    _ layout: SpoolLayout, _ name: ClaimedName, _ decoder: JobDecoder, _ chunk: BatchChunk,
    withHeader: Bool
  ) throws {
    let file = try BatchFile(layout, name, decoder)
    reader = try file.rest(behind: chunk)
    sql = withHeader ? reader.headerSQL : chunk.leftoverSQL
    header = withHeader && !reader.headerText.isEmpty ? reader.headerText : nil
  }

  mutating func next() -> Result<[UInt8], StreamFailure>? {
    if let header {
      self.header = nil
      return .success(header)
    }
    do throws(StreamFailure) {
      guard try reader.next() != nil else { return nil }
      return .success(reader.leftover(after: &sql))
    } catch {
      return .failure(error)
    }
  }
}
