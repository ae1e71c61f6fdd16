import Glibc

/// Standard output and standard error, unbuffered and whole.
enum Output {
  static func line(_ text: String) { write(Array((text + "\n").utf8), to: STDOUT_FILENO) }

  /// Text as it is.
  static func text(_ text: String) { write(Array(text.utf8), to: STDOUT_FILENO) }

  /// Bytes as they are, and a line break if they do not end with one.
  static func document(_ bytes: [UInt8]) {
    let newline = UInt8(ascii: "\n")
    write(bytes.last == newline ? bytes : bytes + [newline], to: STDOUT_FILENO)
  }

  /// A line beside the answer: on standard error.
  static func note(_ text: String) { write(Array((text + "\n").utf8), to: STDERR_FILENO) }

  /// Text as it is, beside the answer: a line that is written over.
  static func progress(_ text: String) { write(Array(text.utf8), to: STDERR_FILENO) }

  private static func write(_ bytes: [UInt8], to descriptor: Int32) {
    bytes.withUnsafeBytes { buffer in
      var rest = buffer
      while !rest.isEmpty {
        let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
        if written < 0, errno != EINTR { return }  // Nobody is left to be told.
        rest = UnsafeRawBufferPointer(rebasing: rest[max(0, written)...])
      }
    }
  }
}
