import SQLite

/// Looks at the SQLite that this program uses.
enum LibraryCheck {
  static func findings(version: SQLiteVersion = .linked) -> [Finding] {
    if version.hasWALResetBug {
      return [
        .note(
          "SQLite", version.text, "may lose commits when two processes checkpoint at once",
          advice: "Sluice checkpoints from one thread only; let other programs leave it to Sluice "
            + "(PRAGMA wal_autocheckpoint=0), or use SQLite 3.51.3, 3.50.7 or 3.44.6")
      ]
    }
    return [.ok("SQLite", version.text, "without the fault of WAL resets")]
  }
}
