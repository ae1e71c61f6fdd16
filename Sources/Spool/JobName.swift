/// The name of a job: the file's own where that is a good one, else its escaped form.
///
/// Always ASCII, at most 200 bytes, never the name of a scratch file.
public struct JobName: Sendable, Hashable {
  public enum Kind: Sendable, Hashable, CaseIterable {
    /// One job in JSON.
    case json
    /// A script in one transaction.
    case sql
    /// A job per line.
    case jsonl
    /// No name a job can have; the file was never opened. `text` is `ESCAPED~HASH`.
    case foreign
  }

  public let text: String
  public let kind: Kind

  private init(text: String, kind: Kind) {
    self.text = text
    self.kind = kind
  }

  /// What a file name in `incoming/` means.
  public enum Meaning: Sendable, Equatable {
    /// A scratch file of somebody's: left alone.
    case ignored
    case job(JobName)
    /// Any other name: rejected under this one, unopened.
    case foreign(JobName)
  }

  /// The meaning of a file name given as its raw bytes, which need not be UTF-8.
  public static func meaning(of name: UnsafeRawBufferPointer) -> Meaning {
    if isIgnored(name) { return .ignored }
    if let kind = kind(of: name) {
      return .job(JobName(text: String(decoding: name, as: UTF8.self), kind: kind))
    }
    return .foreign(JobName(text: escape(name), kind: .foreign))
  }

  public static func meaning(of name: [UInt8]) -> Meaning {
    name.withUnsafeBytes { meaning(of: $0) }
  }

  /// The job name that `text` is: a good one, or an escaped one; nil for anything else.
  public init?(_ text: String) {
    var text = text
    let kind = text.withUTF8 { bytes -> Kind? in
      let raw = UnsafeRawBufferPointer(bytes)
      return Self.isIgnored(raw)
        ? nil : Self.kind(of: raw) ?? (Self.isEscaped(raw) ? .foreign : nil)
    }
    guard let kind else { return nil }
    self.init(text: text, kind: kind)
  }

  // MARK: Results

  /// The name of the result file.
  public var result: String {
    switch kind {
    case .json: text
    case .sql, .jsonl, .foreign: text + ".json"
    }
  }

  /// The name of the file with one result per line; only a `.jsonl` has one.
  public var lineResults: String? { kind == .jsonl ? text : nil }

  /// The name of the file with the rows of a read (`STEM.rows.jsonl`, `STEM.rows.csv`).
  public func rows(format: String) -> String {
    (kind == .json ? String(text.dropLast(5)) : text) + ".rows." + format
  }

  // MARK: The rules

  /// Bytes of the longest name a job can have.
  public static let bytesMax = 200
  /// Bytes to which an escaped name is cut, before its hash.
  static let escapedMax = 180

  static func isIgnored(_ name: UnsafeRawBufferPointer) -> Bool {
    guard let first = name.first, let last = name.last else { return true }
    if first == UInt8(ascii: ".") || last == UInt8(ascii: "~") { return true }
    // The three suffixes end in these bytes: a good name is passed by one comparison.
    guard last == UInt8(ascii: "p") || last == UInt8(ascii: "t") else { return false }
    return ends(name, ".tmp") || ends(name, ".part") || ends(name, ".swp")
  }

  /// The kind of job a good name stands for; nil for all other names.
  private static func kind(of name: UnsafeRawBufferPointer) -> Kind? {
    guard name.count <= bytesMax, let first = name.first else { return nil }
    guard isPlain(first), first != UInt8(ascii: "."), first != UInt8(ascii: "-") else { return nil }
    guard name.allSatisfy(isPlain) else { return nil }
    if ends(name, ".json") {
      return ends(name, ".sql.json") || ends(name, ".jsonl.json") ? nil : .json
    }
    if ends(name, ".jsonl") { return ends(name, ".rows.jsonl") ? nil : .jsonl }
    return ends(name, ".sql") ? .sql : nil
  }

  /// `[A-Za-z0-9._-]`
  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
      UInt8(ascii: "-"):
      true
    default: false
    }
  }

  private static func ends(_ name: UnsafeRawBufferPointer, _ suffix: StaticString) -> Bool {
    let length = suffix.utf8CodeUnitCount
    guard name.count >= length else { return false }
    for index in 0..<length where name[name.count - length + index] != suffix.utf8Start[index] {
      return false
    }
    return true
  }

  // MARK: Escaping

  /// `ESCAPED~HASH`: no job has a `~` in its name, and the hash parts names that are cut alike.
  private static func escape(_ name: UnsafeRawBufferPointer) -> String {
    var escaped = [UInt8]()
    for (index, byte) in name.enumerated() {
      if isPlain(byte), index > 0 || byte != UInt8(ascii: "-") {
        escaped.append(byte)
      } else {
        escaped.append(UInt8(ascii: "%"))
        escaped.append(digit(byte >> 4, ten: UInt8(ascii: "A")))
        escaped.append(digit(byte & 15, ten: UInt8(ascii: "A")))
      }
      if escaped.count >= escapedMax { break }
    }
    escaped.removeLast(max(0, escaped.count - escapedMax))
    escaped.append(UInt8(ascii: "~"))
    let hash = CRC32.of(name)
    for shift in stride(from: 28, through: 0, by: -4) {
      escaped.append(
        digit(UInt8(truncatingIfNeeded: hash >> UInt32(shift)) & 15, ten: UInt8(ascii: "a")))
    }
    return String(decoding: escaped, as: UTF8.self)
  }

  private static func digit(_ value: UInt8, ten: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : ten + value - 10
  }

  private static func isEscaped(_ name: UnsafeRawBufferPointer) -> Bool {
    guard name.count > 9, name.count <= escapedMax + 9, name[name.count - 9] == UInt8(ascii: "~")
    else { return false }
    let isHash = name[(name.count - 8)...].allSatisfy { byte in
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
    return isHash && name[..<(name.count - 9)].allSatisfy { isPlain($0) || $0 == UInt8(ascii: "%") }
  }
}
