import Foundation
import TestSupport
import Testing

extension CrashTests {
  /// Through `scripts/faults`, which says `skipped` where nobody may trace processes.
  @Suite("System calls that fail") struct FaultInjectionTests {
    private func faults(_ calls: String, within seconds: Double = 60) -> String {
      let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path
      let process = Process()
      let output = Pipe()
      process.executableURL = URL(fileURLWithPath: root + "/scripts/faults")
      process.arguments = [
        "--sluice", WorkerProcess.executable, "--which", calls, "--seconds", "\(seconds)",
      ]
      process.standardOutput = output
      do {
        try process.run()
      } catch { return "\(error)" }
      let text = String(
        decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      return process.terminationStatus == 0 ? "" : text
    }

    @Test("a worker that is given no more threads ends or goes on, and never hangs")
    func threads() async throws {
      let wrong = try await onOwnThread { faults("clone3") }
      #expect(wrong == "")
    }
  }
}
