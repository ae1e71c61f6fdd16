-- sluice: {"meta":{"about":"a script in one transaction, as the sqlite3 shell dumps it"}}
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "sensor" (name TEXT PRIMARY KEY, seen INTEGER NOT NULL DEFAULT 0);
INSERT OR REPLACE INTO sensor VALUES('cellar',0),
  ('attic',0);
CREATE TABLE IF NOT EXISTS reading (sensor TEXT REFERENCES sensor(name), value REAL);
CREATE TRIGGER IF NOT EXISTS reading_seen AFTER INSERT ON reading BEGIN
  UPDATE sensor SET seen = seen + 1 WHERE name = NEW.sensor; -- the ; in here does not end it
END;
COMMIT;
