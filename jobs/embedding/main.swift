// A program that embeds Sluice: no spool, no worker. It schedules writes and reads of its own with a
// priority each, and awaits them like any other call. `swift run embedding [DATABASE]`

import Glibc
import Sluice

let path = CommandLine.arguments.count > 1 ? CommandLine.arguments[1] : "embedding-\(getpid()).db"
let isTemporary = CommandLine.arguments.count <= 1

var configuration = EngineConfiguration(path: path)
configuration.monitor = QueryMonitor(slowSeconds: 1)
let database = try Database(configuration) { line in print("sluice: \(line)") }
let transactions = database.transactions
let cursor = database.cursor

try await transactions.run(
  "CREATE TABLE IF NOT EXISTS reading(id INTEGER PRIMARY KEY, sensor INT, value REAL, note TEXT)")
guard case .integer(let before) = try await cursor.read("SELECT count(*) FROM reading").rows[0][0]
else { fatalError("a count is an integer") }
print("There are \(before) readings in \(path).")

// Two thousand bulk writes wait at once, and share a few commits; an urgent one passes them.
let order = await withTaskGroup(of: String.self) { group in
  for number in 1...2000 {
    group.addTask {
      do throws(JobError) {
        let done = try await transactions.run(
          "INSERT INTO reading(sensor, value) VALUES(?, ?)",
          [.integer(Int64(number % 10)), .real(Double(number) / 7)], priority: .bulk)
        return "bulk \(done.commit ?? 0)"
      } catch {
        return "bulk failed: \(error.message)"
      }
    }
  }
  group.addTask {
    do throws(JobError) {
      let done = try await transactions.run(
        "INSERT INTO reading(sensor, note) VALUES(99, 'alarm')", priority: .urgent)
      return "urgent \(done.commit ?? 0)"
    } catch {
      return "urgent failed: \(error.message)"
    }
  }
  var order: [String] = []
  for await word in group { order.append(word) }
  return order
}
let commits = Set(order.map { $0.split(separator: " ").last.map(String.init) ?? "" })
let place = order.firstIndex { $0.hasPrefix("urgent") }.map { $0 + 1 } ?? 0
print("\(order.count) writes in \(commits.count) commits; the urgent one was number \(place).")

// All or nothing: the second statement fails, so the first has left nothing behind.
do throws(JobError) {
  try await transactions.run([
    JobStatement(sql: "DELETE FROM reading", values: []),
    JobStatement(sql: "INSERT INTO reading(id) VALUES('seven')", values: []),
  ])
} catch {
  print("Rolled back, \(error.kind.rawValue): \(error.message)")
}

// Idempotent by its id: the second call has the first one's outcome.
for _ in 1...2 {
  let once = try await transactions.run(
    "INSERT INTO reading(sensor, note) VALUES(0, 'once')", id: "once-\(getpid())")
  print("Insert under an id: \(once.duplicateOf == nil ? "done" : "was done before").")
}

// The same read twice: the second comes from the cache, until a table it reads is written to.
for _ in 1...2 {
  let count = try await cursor.read(
    "SELECT count(*) FROM reading WHERE sensor = 3", priority: .high, cache: 60)
  let source = count.isCached ? "the cache" : "the database"
  print("Sensor 3 has readings: \(count.rows == [[.integer(200)]] ? "200" : "?"), says \(source).")
}

// Rows as they come, in constant memory.
var largest = 0.0
for try await row in cursor.rows("SELECT value FROM reading WHERE value IS NOT NULL") {
  if case .real(let value) = row[0] { largest = max(largest, value) }
}
print("The largest value is \(largest).")

// A statement that takes too long is stopped.
do throws(JobError) {
  _ = try await cursor.read(
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
    timeout: 0.1)
} catch {
  print("Stopped, \(error.code): \(error.message)")
}

let snapshot = database.engine.snapshot()
let statements = snapshot.monitor?.statements ?? []
if let busiest = statements.max(by: { $0.count < $1.count }) {
  print("Most often: \(busiest.fingerprint.text), \(busiest.count) times.")
}
print("Cache hits: \(snapshot.cache.hits); connections opened: \(snapshot.pool.opened).")
await database.close()
if isTemporary { for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) } }
