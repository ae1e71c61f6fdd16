/// Which PRAGMAs a job may use.
enum PragmaRules {
  /// May be given a value by a job.
  static let settable: Set<String> = [
    "foreign_keys", "defer_foreign_keys", "user_version", "application_id",
  ]

  /// Take an argument that only says what to look at.
  static let introspective: Set<String> = [
    "table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo",
    "foreign_key_list", "foreign_key_check", "integrity_check", "quick_check",
  ]

  /// Do work though they have no value.
  static let working: Set<String> = [
    "wal_checkpoint", "optimize", "incremental_vacuum", "shrink_memory",
  ]

  static func denial(_ pragma: String) -> Authorizer.Denial {
    let hint =
      switch pragma {
      case "wal_checkpoint": "drop a control job: {\"control\":\"checkpoint\"}"
      case "optimize": "drop a control job: {\"control\":\"optimize\"}"
      case "incremental_vacuum": "drop a control job: {\"control\":\"vacuum\"}"
      case "writable_schema":
        "change the schema with CREATE, ALTER and DROP. The dump of a virtual table (FTS5, R-Tree)"
          + " needs it: dump the other tables (sqlite3 FILE '.dump a b'), make the virtual one with"
          + " CREATE VIRTUAL TABLE and fill it with INSERT"
      case "journal_mode", "synchronous", "wal_autocheckpoint", "locking_mode":
        "leave it out: Sluice sets it for durability"
      default:
        "a job may set foreign_keys, defer_foreign_keys, user_version and application_id only"
      }
    return Authorizer.Denial(message: "PRAGMA \(pragma) is not allowed here", hint: hint)
  }
}
