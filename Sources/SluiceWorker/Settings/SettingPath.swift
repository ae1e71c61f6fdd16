import Glibc

/// Makes paths absolute. Purely textual but for `realDirectory`.
enum SettingPath {
  static func join(_ directory: String, _ path: String) -> String {
    directory.hasSuffix("/") ? directory + path : "\(directory)/\(path)"
  }

  static func directory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// `path` as seen from `base`, without `.` and empty parts.
  /// - Parameter base: absolute and free of symlinks, so that leading `..` may be taken from its
  ///   text; later ones stay, for they may follow a symlink.
  static func absolute(_ path: String, from base: String) -> String {
    var parts = path.hasPrefix("/") ? [] : base.split(separator: "/")
    var isLeading = !path.hasPrefix("/")
    for part in path.split(separator: "/") where part != "." {
      if part == "..", isLeading {
        _ = parts.popLast()
      } else {
        isLeading = false
        parts.append(part)
      }
    }
    return "/" + parts.joined(separator: "/")
  }

  /// The directory without symlinks; as it is if it cannot be resolved.
  static func realDirectory(_ path: String) -> String {
    guard let resolved = realpath(path, nil) else { return path }
    defer { free(resolved) }
    return String(cString: resolved)
  }
}
