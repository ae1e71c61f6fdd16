import CLibuv

/// Says that something happened in a directory; what there is now, only the directory knows.
///
/// Belongs to its loop's thread. An event only wakes: inotify merges events, and libuv drops the
/// notice that it lost some, so the owner scans on an event, and from time to time without one.
/// The close of a file that was written in place is no event. Closed at the latest when let go.
public final class DirectoryWatch {
  private typealias Raw = Handle<uv_fs_event_t, Result<String?, LoopError>>
  private let handle: Raw

  /// Watches the directory `path`, not what is below its subdirectories.
  ///
  /// - Parameters:
  ///   - onEvent: an entry was made, changed, renamed or removed. The name may be missing, may be
  ///     the directory's own (it was moved or removed itself), and is repaired where it is not
  ///     UTF-8: it is for messages.
  ///   - onError: the watch has failed and tells nothing any more.
  /// - Throws: `notFound`, `notPermitted`, or `limitReached` (also where the file system has no
  ///   such events: `other`).
  public init(
    on loop: Loop, path: String, onEvent: @escaping (String?) -> Void,
    onError: @escaping (LoopError) -> Void
  ) throws(LoopError) {
    handle = try Raw(
      on: loop, "uv_fs_event_init",
      receive: { result in
        switch result {
        case .success(let name): onEvent(name)
        case .failure(let error): onError(error)
        }
      }, initialize: { uv_fs_event_init($0, $1) })
    let code = uv_fs_event_start(
      handle.raw,
      { raw, name, _, status in
        guard status >= 0 else {
          return Raw.deliver(.failure(LoopError(status, "uv_fs_event")), to: raw)
        }
        Raw.deliver(.success(name.map { String(cString: $0) }), to: raw)
      }, path, 0)
    // Throwing runs deinit, for the one property is set: the handle is closed there.
    try LoopError.check(code, "uv_fs_event_start", subject: path)
  }

  deinit { handle.close() }

  /// Ends the watch. Allowed twice and in its own callbacks.
  public func close() { handle.close() }
}
