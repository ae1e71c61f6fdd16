/// The kinds of job of the mixed load; a job's name says its kind, and with it what must become of
/// it, so that producers in any language may drop them.
///
/// Whoever is done has left exactly one row of its key in `effect` (`rows`: twenty in `item`), whoever
/// is not has left none.
enum LoadKind: String, CaseIterable {
  case insert
  /// Several statements, with a value from the first in the second.
  case refs
  /// An upsert that would show a second effect.
  case counter
  case rows
  /// Uses a temporary table, so that it runs on a connection of its own.
  case temp
  /// One id, dropped under two names.
  case twice
  case read
  /// Breaks a constraint after it has written.
  case fails
  /// Takes down the transaction that it shares with others.
  case rollback
  case expect
  /// Has a field that no job has.
  case rejects
  /// A file of another name than a job's.
  case badname

  static let rowsOfAJob = 20

  /// A job that makes the tables that all of them use.
  static let schema = """
    {"statements":[
    {"sql":"CREATE TABLE effect(job TEXT NOT NULL)"},
    {"sql":"CREATE TABLE item(job TEXT NOT NULL, n INTEGER NOT NULL)"},
    {"sql":"CREATE TABLE parent(id INTEGER PRIMARY KEY, job TEXT NOT NULL)"},
    {"sql":"CREATE TABLE child(parent INTEGER NOT NULL, job TEXT NOT NULL)"},
    {"sql":"CREATE TABLE counter(name TEXT PRIMARY KEY, n INTEGER NOT NULL)"},
    {"sql":"CREATE TABLE strict(value TEXT NOT NULL)"}]}
    """

  /// The kind in a name that `names` gave.
  init?(ofName name: String) {
    guard let kind = Self.allCases.first(where: { name.contains("-\($0.rawValue)") }) else {
      return nil
    }
    self = kind
  }

  var status: String {
    switch self {
    case .insert, .refs, .counter, .rows, .temp, .twice, .read: "done"
    case .fails, .rollback, .expect: "failed"
    case .rejects, .badname: "rejected"
    }
  }

  var hasEffect: Bool { status == "done" && self != .read }

  /// The file names under which a job of that key (`PRODUCER-NUMBER`) is dropped.
  func names(key: String) -> [String] {
    switch self {
    case .twice: ["\(key)-twice-a.json", "\(key)-twice-b.json"]
    case .badname: ["\(key)-badname!.json"]
    default: ["\(key)-\(rawValue).json"]
    }
  }

  static func key(ofName name: String) -> String {
    name.split(separator: "-").prefix(2).joined(separator: "-")
  }

  func content(key: String) -> String {
    let effect = #"{"sql":"INSERT INTO effect VALUES(?)","params":["\#(key)"]}"#
    switch self {
    case .insert, .badname: return effect
    case .refs:
      return #"{"statements":[{"sql":"INSERT INTO parent(job) VALUES(?) RETURNING id","#
        + #""params":["\#(key)"]},{"sql":"INSERT INTO child VALUES(?,?)","#
        + #""params":[{"$ref":"0/0/0"},"\#(key)"]},\#(effect)]}"#
    case .counter:
      return #"{"statements":[{"sql":"INSERT INTO counter VALUES('all',1) "#
        + #"ON CONFLICT(name) DO UPDATE SET n=n+1"},\#(effect)]}"#
    case .rows:
      let rows = (0..<Self.rowsOfAJob).map { #"["\#(key)",\#($0)]"# }.joined(separator: ",")
      return #"{"sql":"INSERT INTO item VALUES(?,?)","rows":[\#(rows)]}"#
    case .temp:
      return #"{"sql":"CREATE TEMP TABLE own(x); INSERT INTO effect VALUES('\#(key)')"}"#
    case .twice: return #"{"id":"\#(key)","sql":"INSERT INTO effect VALUES('\#(key)')"}"#
    case .read: return #"{"sql":"SELECT count(*) FROM effect","meta":"\#(key)"}"#
    case .fails:
      return #"{"statements":[\#(effect),{"sql":"INSERT INTO strict VALUES(NULL)"}]}"#
    case .rollback:
      return #"{"statements":[\#(effect),{"sql":"INSERT OR ROLLBACK INTO strict VALUES(NULL)"}]}"#
    case .expect:
      return #"{"statements":[\#(effect),{"sql":"DELETE FROM counter WHERE name='none'","#
        + #""expect":{"changes":1}}]}"#
    case .rejects:
      return #"{"sql":"INSERT INTO effect VALUES('\#(key)')","parms":[]}"#
    }
  }
}
