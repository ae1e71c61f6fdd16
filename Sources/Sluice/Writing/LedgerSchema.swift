/// The tables that Sluice keeps in a database it serves; all other names `_sluice_*` are reserved.
enum LedgerSchema {
  /// Version of the tables below, kept in `_sluice_state`.
  static let version: Int64 = 1

  /// A sequential key, since a random one costs seven times as much at a thousand jobs a commit.
  static let tables: [(name: String, sql: String)] = [
    (
      "_sluice_ledger",
      """
      CREATE TABLE IF NOT EXISTS main._sluice_ledger(
        key INTEGER PRIMARY KEY,
        spool INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        name TEXT NOT NULL,
        status INTEGER NOT NULL,
        finished INTEGER NOT NULL,
        device INTEGER, inode INTEGER, birth INTEGER, modified INTEGER, size INTEGER,
        hash INTEGER,
        result BLOB NOT NULL)
      """
    ),
    (
      "_sluice_ids",
      """
      CREATE TABLE IF NOT EXISTS main._sluice_ids(
        id TEXT PRIMARY KEY,
        hash INTEGER NOT NULL,
        job TEXT NOT NULL,
        commitment INTEGER NOT NULL,
        finished INTEGER NOT NULL,
        statements BLOB NOT NULL) WITHOUT ROWID
      """
    ),
    (
      "_sluice_imports",
      """
      CREATE TABLE IF NOT EXISTS main._sluice_imports(
        spool INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        commitment INTEGER NOT NULL,
        imported INTEGER NOT NULL, skipped INTEGER NOT NULL,
        started INTEGER NOT NULL, ran REAL NOT NULL,
        offset INTEGER NOT NULL, line INTEGER NOT NULL,
        device INTEGER NOT NULL, inode INTEGER NOT NULL,
        size INTEGER NOT NULL, modified INTEGER NOT NULL, tail INTEGER NOT NULL,
        error_count INTEGER NOT NULL,
        errors BLOB NOT NULL,
        PRIMARY KEY(spool, sequence)) WITHOUT ROWID
      """
    ),
    (
      "_sluice_chunks",
      // What is looked for comes before what is large: a scan then leaves the large part alone.
      """
      CREATE TABLE IF NOT EXISTS main._sluice_chunks(
        spool INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        chunk INTEGER NOT NULL,
        ended INTEGER,
        commitment INTEGER NOT NULL,
        done INTEGER NOT NULL, failed INTEGER NOT NULL, rejected INTEGER NOT NULL,
        offset INTEGER NOT NULL, line INTEGER NOT NULL,
        inode INTEGER NOT NULL, size INTEGER NOT NULL, modified INTEGER NOT NULL,
        tail INTEGER NOT NULL,
        rest INTEGER NOT NULL,
        sql TEXT, leftover_sql TEXT,
        results BLOB NOT NULL, leftover BLOB NOT NULL,
        PRIMARY KEY(spool, sequence, chunk)) WITHOUT ROWID
      """
    ),
    (
      "_sluice_spools",
      """
      CREATE TABLE IF NOT EXISTS main._sluice_spools(
        spool INTEGER PRIMARY KEY,
        settled INTEGER NOT NULL)
      """
    ),
    (
      "_sluice_state",
      """
      CREATE TABLE IF NOT EXISTS main._sluice_state(
        name TEXT PRIMARY KEY,
        value INTEGER NOT NULL) WITHOUT ROWID
      """
    ),
  ]

  /// Makes what is missing, all of it or nothing.
  static func creation(spool: Int64) -> String {
    """
    BEGIN IMMEDIATE;
    \(tables.map(\.sql).joined(separator: ";\n"));
    INSERT OR IGNORE INTO main._sluice_state VALUES('commit',0);
    INSERT OR IGNORE INTO main._sluice_state VALUES('version',\(version));
    INSERT OR IGNORE INTO main._sluice_spools VALUES(\(spool),0);
    COMMIT;
    """
  }

  /// Finds what a job's DDL may have smuggled past the authorizer, which sees neither the new name
  /// of ALTER TABLE … RENAME TO nor what REFERENCES, a trigger or a view mention.
  static let intruderQuery: String = {
    let own = tables.map { "'\($0.name)'" }.joined(separator: ",")
    return """
      SELECT type, name FROM main.sqlite_schema
      WHERE tbl_name NOT IN (\(own)) AND
        (lower(name) GLOB '_sluice_*' OR lower(sql) GLOB '*[^a-z0-9_$]_sluice_*')
        OR tbl_name IN (\(own)) AND name NOT IN (\(own)) AND sql IS NOT NULL
      UNION ALL SELECT type, name FROM temp.sqlite_schema
        WHERE lower(sql) GLOB '*[^a-z0-9_$]_sluice_*'
      LIMIT 1
      """
  }()
}
