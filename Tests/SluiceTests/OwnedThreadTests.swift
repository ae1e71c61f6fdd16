import Glibc
import Synchronization
import Testing

@testable import Sluice

@Suite("OwnedThread")
struct OwnedThreadTests {
  @Test("the closure has run to its end when join returns, and joining twice is harmless")
  func join() throws {
    let flag = Flag()
    let thread = try OwnedThread(name: "worker") { flag.raise() }
    thread.join()
    #expect(flag.isRaised)
    thread.join()
    #expect(flag.isRaised)
  }

  @Test("the kernel shows the first 15 bytes of its name")
  func name() throws {
    let shown = BoundedQueue<[UInt8]>(capacity: 1)
    let thread = try OwnedThread(name: "sluice-writer-main") {
      var buffer = [UInt8](repeating: 0, count: 64)
      let file = open("/proc/thread-self/comm", O_RDONLY | O_CLOEXEC)
      let count = read(file, &buffer, buffer.count)
      close(file)
      shown.push(Array(buffer.prefix(max(0, count))))
    }
    #expect(shown.pop() == Array("sluice-writer-m\n".utf8))
    #expect(thread.name == "sluice-writer-m")
    thread.join()
  }

  @Test("it takes no signal meant for the process, and its starter's mask is left as it was")
  func signals() throws {
    let blocked = BoundedQueue<[Bool]>(capacity: 1)
    func current() -> [Bool] {
      var mask = sigset_t()
      pthread_sigmask(SIG_BLOCK, nil, &mask)
      return [SIGTERM, SIGHUP, SIGIO, SIGSEGV].map { sigismember(&mask, $0) == 1 }
    }
    let before = current()
    let thread = try OwnedThread(name: "mask") {
      var mask = sigset_t()
      pthread_sigmask(SIG_BLOCK, nil, &mask)
      blocked.push([SIGTERM, SIGHUP, SIGIO, SIGSEGV].map { sigismember(&mask, $0) == 1 })
    }
    #expect(blocked.pop() == [true, true, true, false])
    #expect(current() == before)
    thread.join()
  }
}

private final class Flag: Sendable {
  private let raised = Atomic(false)
  func raise() { raised.store(true, ordering: .releasing) }
  var isRaised: Bool { raised.load(ordering: .acquiring) }
}
