import Glibc

/// A terminal in full-screen use; given back as it was by `leave`.
///
/// One at a time, on the main thread.
struct Screen {
  private let saved: termios?

  /// Takes the screen: keys come one by one and unseen, Ctrl-C included, so that it always ends in
  /// order.
  init() {
    var settings = termios()
    if tcgetattr(STDIN_FILENO, &settings) == 0 {
      saved = settings
      settings.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG)
      tcsetattr(STDIN_FILENO, TCSANOW, &settings)
    } else {
      saved = nil
    }
    // The other screen, and no cursor.
    Output.text("\u{1b}[?1049h\u{1b}[?25l")
  }

  func leave() {
    Output.text("\u{1b}[?25h\u{1b}[?1049l")
    if var saved { tcsetattr(STDIN_FILENO, TCSANOW, &saved) }
  }

  /// Draws over what was there, so that nothing flickers; what does not fit is cut off.
  func show(_ lines: [String]) {
    var size = winsize()
    let isKnown = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0
    let rows = isKnown && size.ws_row > 0 ? Int(size.ws_row) : 24
    let columns = isKnown && size.ws_col > 0 ? Int(size.ws_col) : 80
    var text = "\u{1b}[H"
    for (index, line) in lines.prefix(rows).enumerated() {
      if index > 0 { text += "\r\n" }
      text += Self.cut(line, to: columns) + "\u{1b}[0m\u{1b}[K"
    }
    Output.text(text + "\u{1b}[J")
  }

  /// Waits for a key, at most so many seconds; whether it was q, Escape, Ctrl-C or the end.
  func isAskedToQuit(within seconds: Int32) -> Bool {
    var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    guard poll(&input, 1, seconds * 1000) > 0 else { return false }
    var key: UInt8 = 0
    guard read(STDIN_FILENO, &key, 1) == 1 else { return true }
    return [UInt8(ascii: "q"), UInt8(ascii: "Q"), 3, 4, 27].contains(key)
  }

  /// The first `columns` characters; colours take no room.
  private static func cut(_ line: String, to columns: Int) -> String {
    var shown = ""
    var width = 0
    var isColour = false
    for character in line {
      if character == "\u{1b}" { isColour = true }
      if !isColour {
        if width == columns { break }
        width += 1
      }
      shown.append(character)
      if isColour, character.isLetter { isColour = false }
    }
    return shown
  }
}
