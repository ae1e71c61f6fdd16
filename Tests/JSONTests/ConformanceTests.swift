import Foundation
import JSON
import Testing

/// Files in the shape of JSONTestSuite: `y_*` must be read, `n_*` must not, `i_*` may be either.
@Suite struct ConformanceTests {
  static let ownFiles = files(in: fixturesPath)
  /// The files of a checkout of JSONTestSuite (`test_parsing`), where the variable names one.
  static let suiteFiles =
    ProcessInfo.processInfo.environment["SLUICE_JSON_TEST_SUITE"].map(files) ?? []

  @Test("own fixtures are read or refused as their names say", arguments: ownFiles)
  func ownFixture(path: String) throws { try check(path) }

  @Test("JSONTestSuite is read or refused as its names say", arguments: suiteFiles)
  func suiteFile(path: String) throws { try check(path) }

  @Test("there are fixtures of each kind")
  func fixturesAreFound() {
    for prefix in ["y_", "n_", "i_"] {
      #expect(Self.ownFiles.contains { URL(filePath: $0).lastPathComponent.hasPrefix(prefix) })
    }
  }

  private static let fixturesPath = URL(filePath: #filePath)
    .deletingLastPathComponent().appending(path: "Fixtures").path

  private static func files(in directory: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    return names.filter { $0.hasSuffix(".json") }.sorted().map { directory + "/" + $0 }
  }

  private func check(_ path: String) throws {
    let bytes = Array(try Data(contentsOf: URL(filePath: path)))
    let name = URL(filePath: path).lastPathComponent
    do {
      let node = try JSONReader.parse(bytes)
      #expect(!name.hasPrefix("n_"), "should be refused")
      #expect(node.range.upperBound <= bytes.count)
    } catch {
      // A repeated key is grammatical, and refused here on purpose.
      #expect(!name.hasPrefix("y_") || error.kind == .repeatedKey, "\(error)")
      #expect(error.offset <= bytes.count)
    }
  }
}
