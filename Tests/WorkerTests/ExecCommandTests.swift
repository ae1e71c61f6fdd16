import TestSupport
import Testing

@Suite("sluice exec") struct ExecCommandTests {
  private func worker(_ spool: TemporarySpool, rows: String) throws -> StandInWorker {
    try StandInWorker(spool) { job, text, arrived in
      """
      {"job":"\(job)","status":"done","times":{"arrived":"\(arrived)"},"sent":\(text),\
      "statements":[{"columns":["id","name"],"rows":\(rows)},{"changes":2}]}
      """
    }
  }

  @Test("parameters are read as the SQL literals that they look like, negative numbers included")
  func parameters() throws {
    let spool = try TemporarySpool()
    let worker = try worker(spool, rows: "[]")
    defer { worker.stop() }
    let run = try spool.sluice(
      "exec", "--json", "SELECT ?", "42", "-5", "-1.5e3", "'42'", "007", "NULL", "x'00ff'", "Ada")
    #expect(run.status == 0)
    #expect(
      run.output.contains(
        ##""sent":{"sql":"SELECT ?","params":[42,-5,-1500.0,"42","007",null,{"$blob":"AP8="},"Ada"]}"##
      ))
  }

  @Test("rows are printed as an aligned table that a text cannot break")
  func table() throws {
    let spool = try TemporarySpool()
    let worker = try worker(spool, rows: #"[[1,"Ada"],[20,"new\nline\u001b[31m"],[3,null]]"#)
    defer { worker.stop() }
    let run = try spool.sluice("exec", "SELECT 1")
    #expect(
      run.output == """
        id  name
         1  Ada
        20  new\\nline\\u{1b}[31m
         3  NULL

        2 rows changed

        """)
    #expect(run.errors == "(3 rows)\n")
  }

  @Test("CSV tells NULL from an empty string and quotes what must be")
  func csv() throws {
    let spool = try TemporarySpool()
    let rows = #"[[1,null],[2,""],[3,"a,\"b\""],[4,{"$blob":"AP8="}]]"#
    let worker = try worker(spool, rows: rows)
    defer { worker.stop() }
    let run = try spool.sluice("exec", "--csv", "SELECT 1")
    #expect(run.output == "id,name\n1,\n2,\"\"\n3,\"a,\"\"b\"\"\"\n4,AP8=\n")
  }

  @Test("a job that is not done ends with its error and hint on standard error, and 1")
  func failure() throws {
    let spool = try TemporarySpool()
    let worker = try StandInWorker(spool) { job, _, arrived in
      """
      {"job":"\(job)","status":"failed","error":{"code":"SQLITE_ERROR","message":"no such table: t",\
      "hint":"create it"},"times":{"arrived":"\(arrived)"}}
      """
    }
    defer { worker.stop() }
    let run = try spool.sluice("exec", "SELECT * FROM t")
    #expect(run.status == 1)
    #expect(run.output == "")
    #expect(run.errors.hasSuffix(".json failed: SQLITE_ERROR: no such table: t; create it\n"))
  }
}
