/// Writes JSON text into a buffer, setting the commas itself.
///
/// The caller opens and closes arrays and objects in order; the text is then valid JSON without
/// white space and without line breaks. `bytes` may be taken out and emptied at any moment, so that
/// a long text can be streamed.
public struct JSONWriter: Sendable {
  /// What has been written since the buffer was last emptied.
  public var bytes: [UInt8]
  /// A value has just ended: another one takes a comma first.
  private var commaDue = false

  /// - Parameter buffer: what to append to; an emptied old one saves its allocation.
  public init(reusing buffer: [UInt8] = []) { bytes = buffer }

  // MARK: Structure

  public mutating func beginObject() { open(Byte.braceOpen) }
  public mutating func endObject() { close(Byte.braceClose) }
  public mutating func beginArray() { open(Byte.bracketOpen) }
  public mutating func endArray() { close(Byte.bracketClose) }

  /// The key of the value that is written next.
  public mutating func key(_ name: String) {
    string(name)
    bytes.append(Byte.colon)
    commaDue = false
  }

  /// Ends a line of a JSON Lines text; outside of arrays and objects.
  public mutating func newline() {
    bytes.append(Byte.lineFeed)
    commaDue = false
  }

  // MARK: Members; an absent value writes nothing

  public mutating func field(_ name: String, _ text: String?) {
    guard let text else { return }
    key(name)
    string(text)
  }

  public mutating func field(_ name: String, _ number: Int64?) {
    guard let number else { return }
    key(name)
    integer(number)
  }

  public mutating func field(_ name: String, _ number: Int?) {
    field(name, number.map(Int64.init))
  }

  public mutating func field(_ name: String, _ number: Double?) {
    guard let number else { return }
    key(name)
    real(number)
  }

  public mutating func field(_ name: String, _ flag: Bool?) {
    guard let flag else { return }
    key(name)
    bool(flag)
  }

  // MARK: Values

  public mutating func null() { word("null") }

  public mutating func bool(_ value: Bool) { word(value ? "true" : "false") }

  public mutating func integer(_ value: Int64) {
    separate()
    if value < 0 { bytes.append(Byte.minus) }
    var rest = value.magnitude
    let start = bytes.count
    repeat {
      let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
      bytes.append(Byte.zero + UInt8(digit))
      rest = quotient
    } while rest > 0
    bytes[start...].reverse()
  }

  /// The shortest text that reads back as the same real, and as a real: `1.0`. Infinities are
  /// `9e999` and `-9e999`; what is no number is `null`, as SQLite has it.
  public mutating func real(_ value: Double) {
    if value.isFinite {
      separate()
      bytes.append(contentsOf: value.description.utf8)
    } else if value.isNaN {
      null()
    } else {
      word(value < 0 ? "-9e999" : "9e999")
    }
  }

  /// Only what must be escaped is; everything beyond ASCII stands as it is.
  public mutating func string(_ text: String) {
    separate()
    bytes.append(Byte.quote)
    let done: Void? = text.utf8.withContiguousStorageIfAvailable { appendEscaped($0) }
    if done == nil {
      Array(text.utf8).withUnsafeBufferPointer { appendEscaped($0) }
    }
    bytes.append(Byte.quote)
  }

  /// Text in UTF-8 that somebody else holds.
  public mutating func string(utf8 text: UnsafeRawBufferPointer) {
    separate()
    bytes.append(Byte.quote)
    text.withMemoryRebound(to: UInt8.self) { appendEscaped($0) }
    bytes.append(Byte.quote)
  }

  /// `{"$blob":"base64"}`
  public mutating func blob(_ data: [UInt8]) {
    word("{\"$blob\":\"")
    Base64.encode(data, into: &bytes)
    bytes.append(Byte.quote)
    bytes.append(Byte.braceClose)
  }

  /// One value that is JSON text already.
  public mutating func raw(_ json: some Collection<UInt8>) {
    separate()
    bytes.append(contentsOf: json)
  }

  /// The same for text that is known beforehand, such as a quoted key with its colon, whose value
  /// the caller then appends to `bytes`.
  public mutating func raw(_ json: StaticString) { word(json) }

  // MARK: Bytes

  /// Before every key and value: the comma that the last one left due.
  private mutating func separate() {
    if commaDue { bytes.append(Byte.comma) }
    commaDue = true
  }

  private mutating func open(_ bracket: UInt8) {
    separate()
    bytes.append(bracket)
    commaDue = false
  }

  private mutating func close(_ bracket: UInt8) {
    bytes.append(bracket)
    commaDue = true
  }

  private mutating func word(_ text: StaticString) {
    separate()
    bytes.append(
      contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  private mutating func appendEscaped(_ text: UnsafeBufferPointer<UInt8>) {
    var runStart = 0
    for index in text.indices {
      let byte = text[index]
      if byte >= Byte.space, byte != Byte.quote, byte != Byte.backslash { continue }
      bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[runStart..<index]))
      runStart = index + 1
      appendEscape(byte)
    }
    bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[runStart...]))
  }

  private mutating func appendEscape(_ byte: UInt8) {
    bytes.append(Byte.backslash)
    switch byte {
    case Byte.quote, Byte.backslash: bytes.append(byte)
    case Byte.lineFeed: bytes.append(UInt8(ascii: "n"))
    case Byte.carriageReturn: bytes.append(UInt8(ascii: "r"))
    case Byte.tab: bytes.append(UInt8(ascii: "t"))
    default:
      bytes.append(UInt8(ascii: "u"))
      bytes.append(contentsOf: JSONFault.hexadecimal(UInt32(byte), width: 4).utf8)
    }
  }
}
