import Foundation
import Testing

/// The page of the parts, held against the source.
@Suite("The page of the parts") struct SystemsPageTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../..").standardized

  /// The names of the files under a directory, without `.swift`.
  private func files(under directory: String) -> Set<String> {
    let path = Self.root.appendingPathComponent(directory).path
    let names = FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []
    return Set(
      names.filter { $0.hasSuffix(".swift") }.map {
        String(($0 as NSString).lastPathComponent.dropLast(".swift".count))
      })
  }

  @Test("each row of its table names a type, a place and a test, and all tests are there")
  func tests() throws {
    let path = Self.root.appendingPathComponent("Sources/Sluice/Sluice.docc/Systems.md")
    let page = try String(contentsOf: path, encoding: .utf8)
    let rows = page.split(separator: "\n").drop { !$0.hasPrefix("| part |") }.dropFirst(2)
      .prefix { $0.hasPrefix("|") }
    #expect(rows.count >= 11)
    let known = files(under: "Tests")
    for row in rows {
      let cells = row.dropFirst().dropLast().split(separator: "|", omittingEmptySubsequences: false)
      #expect(cells.count == 4 && cells.allSatisfy { $0.contains { $0 != " " } }, "\(row)")
      let words = row.split { !$0.isLetter }.map(String.init)
      let tests = Set(words.filter { $0.hasSuffix("Tests") })
      #expect(!tests.isEmpty && tests.isSubset(of: known), "\(tests.subtracting(known))")
    }
    let named = ["ConnectionPool", "ParallelCursor", "TransactionManager", "DatabaseCache"]
    for type in named + ["QueryMonitor"] { #expect(page.contains("``\(type)``")) }
    #expect(Set(named + ["QueryMonitor"]).isSubset(of: files(under: "Sources/Sluice")))
  }
}
