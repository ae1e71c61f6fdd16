import Foundation

/// One run of the built `sluice` command.
struct SluiceProcess {
  let status: Int32
  let output: String
  let errors: String

  /// The executable beside the test bundle.
  static var executable: String {
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? own
    return URL(fileURLWithPath: bundle).deletingLastPathComponent().path + "/sluice"
  }

  /// Runs it to its end.
  ///
  /// - Parameters:
  ///   - input: what it reads from standard input.
  ///   - environment: variables beside those of the test; Sluice's are taken out.
  static func run(
    _ arguments: [String], input: String = "", environment: [String: String] = [:]
  ) throws -> SluiceProcess {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: executable)
    process.arguments = arguments
    var variables = ProcessInfo.processInfo.environment
    for name in variables.keys where name.hasPrefix("SLUICE_") { variables[name] = nil }
    process.environment = variables.merging(environment) { $1 }
    let (standardInput, output, errors) = (Pipe(), Pipe(), Pipe())
    process.standardInput = standardInput
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    standardInput.fileHandleForWriting.write(Data(input.utf8))
    standardInput.fileHandleForWriting.closeFile()
    let outputText = String(
      decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    let errorText = String(
      decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return SluiceProcess(status: process.terminationStatus, output: outputText, errors: errorText)
  }
}
