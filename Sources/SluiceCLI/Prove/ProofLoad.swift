/// A kind of job that a proof drops again and again, whose effects tell whether each took effect once.
enum ProofLoad: String, CaseIterable {
  /// Moves money between two accounts: the sum stays.
  case bank
  /// Adds one row.
  case set
  /// Adds rows in order, one for each line of a batch.
  case append
  /// Reads what a batch that has its result appended.
  case read

  /// What producers drop by themselves; a read follows a batch.
  static let dropped: [ProofLoad] = [.bank, .set, .append]

  static let accounts = 16
  static let balance = 1000
  static let linesOfABatch = 12

  static var schema: String {
    let accounts = (0..<accounts).map { "[\($0),\(balance)]" }.joined(separator: ",")
    return """
      {"statements":[
      {"sql":"CREATE TABLE account(id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)"},
      {"sql":"INSERT INTO account VALUES(?,?)","rows":[\(accounts)]},
      {"sql":"CREATE TABLE transfer(job TEXT, source INTEGER, target INTEGER, amount INTEGER)"},
      {"sql":"CREATE TABLE member(job TEXT)"},
      {"sql":"CREATE TABLE line(id INTEGER PRIMARY KEY, job TEXT, n INTEGER)"}]}
      """
  }

  /// The name of the file of a producer's job of that number; a read has its batch's.
  func file(producer: Int, number: Int) -> String {
    "\(rawValue)-\(producer)-\(number)" + (self == .append ? ".jsonl" : ".json")
  }

  /// What stands in that file.
  func content(producer: Int, number: Int) -> String {
    let key = file(producer: producer, number: number)
    switch self {
    case .bank:
      let source = Int.random(in: 0..<Self.accounts)
      let target = (source + Int.random(in: 1..<Self.accounts)) % Self.accounts
      let amount = Int.random(in: 1...9)
      return """
        {"statements":[
        {"sql":"UPDATE account SET balance=balance-? WHERE id=?","params":[\(amount),\(source)]},
        {"sql":"UPDATE account SET balance=balance+? WHERE id=?","params":[\(amount),\(target)]},
        {"sql":"INSERT INTO transfer VALUES(?,?,?,?)",
        "params":["\(key)",\(source),\(target),\(amount)]}]}
        """
    case .set: return #"{"sql":"INSERT INTO member VALUES(?)","params":["\#(key)"]}"#
    case .append:
      let lines = (0..<Self.linesOfABatch).map { #"["\#(key)",\#($0)]"# }
      let head = #"{"sluice":{"sql":"INSERT INTO line(job, n) VALUES(?,?)"}}"#
      return ([head] + lines).joined(separator: "\n") + "\n"
    case .read:
      let batch = ProofLoad.append.file(producer: producer, number: number)
      return #"{"sql":"SELECT count(*) FROM line WHERE job=?","params":["\#(batch)"]}"#
    }
  }
}

/// One job that a proof dropped.
struct ProofJob: Hashable, Sendable {
  var load: ProofLoad
  var producer: Int
  var number: Int

  var file: String { load.file(producer: producer, number: number) }
  /// The file of the batch whose lines a read counts.
  var batch: String { ProofLoad.append.file(producer: producer, number: number) }
  var content: String { load.content(producer: producer, number: number) }
}
