import Glibc
import Sluice

/// The files below `data/`, which imports load.
public struct ImportFiles: ImportSource {
  private let data: Directory

  public init(_ layout: SpoolLayout) { data = layout.data }

  public func open(
    _ request: ImportRequest, at place: ImportPlace?
  ) throws(StreamFailure) -> any ImportReader {
    var directory = data
    var components = request.file.split(separator: "/").map(String.init)
    let name = components.removeLast()
    for component in components {
      directory = try reading(request) { () throws(FileError) in
        try directory.directory(component, followingLinks: false)
      }
    }
    let file = try reading(request) { () throws(FileError) in try directory.open(name) }
    let status = try reading(request) { () throws(FileError) in try file.status() }
    guard status.kind == .regular else {
      throw .unfit(.badFile("data/\(request.file) is no regular file", hint: "copy the file there"))
    }
    let buffer = ImportBuffer(
      file, offset: 0, linesBefore: 0, endsAtReturn: request.format == .csv)
    let origin = ImportOrigin(
      directory: directory, name: name, path: "data/" + request.file, status: status)
    if let place { try origin.check(place, buffer) }
    return try reader(request, origin, buffer, at: place)
  }

  private func reader(
    _ request: ImportRequest, _ origin: ImportOrigin, _ buffer: consuming ImportBuffer,
    at place: ImportPlace?
  ) throws(StreamFailure) -> any ImportReader {
    let reader: CSVRowReader
    do throws(FileError) {
      switch request.format {
      case .jsonl: return try JSONRowReader(origin, buffer, request, at: place)
      case .csv: reader = try CSVRowReader(origin, buffer, request, at: place)
      }
    } catch {
      throw .unreadable("\(error)")
    }
    guard let fault = reader.headerFault ?? repeated(reader.header, request) else { return reader }
    var error = JobError.badFile("the header of \(origin.path): \(fault.message)", hint: nil)
    error.line = 1
    error.column = fault.column
    throw .unfit(error)
  }

  /// Of two values for one column SQLite would take one, and not say which.
  private func repeated(_ header: [String]?, _ request: ImportRequest) -> RowFault? {
    guard request.columns == nil, let header else { return nil }
    var met: Set<String> = []
    guard let index = header.firstIndex(where: { !met.insert($0.lowercased()).inserted })
    else { return nil }
    return RowFault(
      "it names the column \(header[index]) twice; name the targets in \"columns\"",
      column: index + 1)
  }

  private func reading<Success: ~Copyable>(
    _ request: ImportRequest, _ body: () throws(FileError) -> Success
  ) throws(StreamFailure) -> Success {
    do throws(FileError) {
      return try body()
    } catch {
      switch error.errno {
      case ENOENT, ENOTDIR:
        throw .unfit(
          JobError(
            .request, SluiceCode.notFound, "there is no file data/\(request.file) in the spool",
            pointer: "/import/file", hint: "put it there, then drop the job again"))
      case ELOOP:
        throw .unfit(
          .badFile("data/\(request.file) leads over a symlink", hint: "copy the file there"))
      case EACCES, EPERM:
        throw .unfit(.badFile("\(error)", hint: "give the worker's user access"))
      default: throw .unreadable("\(error)")
      }
    }
  }
}

/// What a file was when it was opened.
struct ImportOrigin {
  let directory: Directory
  let name: String
  /// For messages.
  let path: String
  let status: FileStatus

  /// The place where the buffer's next line begins.
  func place(_ buffer: borrowing ImportBuffer) throws(StreamFailure) -> ImportPlace {
    let now: FileStatus
    let named: FileStatus?
    let tail: UInt64
    do throws(FileError) {
      now = try buffer.status()
      named = try directory.status(name)
      tail = try buffer.tailHash(before: buffer.offset)
    } catch {
      throw .unreadable("\(error)")
    }
    guard let named, named.isSameFile(as: status), now.size == status.size,
      now.modified == status.modified
    else { throw .changed("\(path) was changed or replaced while it was loaded") }
    return ImportPlace(
      offset: buffer.offset, line: buffer.linesBefore, device: status.device,
      inode: status.inode, size: status.size, modified: status.modified, tail: tail)
  }

  /// Whether the file is still the one that a place is from.
  func check(_ place: ImportPlace, _ buffer: borrowing ImportBuffer) throws(StreamFailure) {
    let tail: UInt64
    do throws(FileError) {
      tail = try buffer.tailHash(before: place.offset)
    } catch {
      throw .unreadable("\(error)")
    }
    // Not the device: it may have another number at each boot.
    guard place.inode == status.inode, place.size == status.size,
      place.modified == status.modified, place.tail == tail
    else { throw .changed("\(path) was changed or replaced while it was loaded") }
  }
}

extension JobError {
  fileprivate static func badFile(_ message: String, hint: String?) -> JobError {
    JobError(.request, SluiceCode.badFile, message, pointer: "/import/file", hint: hint)
  }
}
