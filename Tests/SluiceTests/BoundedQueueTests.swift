import Testing

@testable import Sluice

@Suite("BoundedQueue")
struct BoundedQueueTests {
  @Test("elements come out in the order they went in, one by one or all at once")
  func order() {
    let queue = BoundedQueue<Int>(capacity: 10)
    for number in 1...5 { queue.push(number) }
    #expect(queue.pop() == 1)
    queue.push(6)
    #expect(queue.popAll() == [2, 3, 4, 5, 6])
    #expect(queue.drain().isEmpty)
  }

  @Test("an offer to a full queue is refused, and only the first into an empty one says so")
  func offers() {
    let queue = BoundedQueue<Int>(capacity: 2)
    #expect(queue.offer(1) == .accepted(wasEmpty: true))
    #expect(queue.offer(2) == .accepted(wasEmpty: false))
    #expect(queue.offer(3) == .full)
    #expect(queue.pop() == 1)
    #expect(queue.offer(3) == .accepted(wasEmpty: false))
    queue.close()
    #expect(queue.offer(4) == .closed)
  }

  @Test("closing refuses what is new and loses nothing that is in")
  func closing() {
    let queue = BoundedQueue<Int>(capacity: 4)
    queue.push(1)
    queue.push(2)
    queue.close()
    queue.close()
    #expect(queue.push(3) == false)
    #expect(queue.pop() == 1)
    #expect(queue.popAll() == [2])
    #expect(queue.popAll() == [])
    #expect(queue.pop() == nil)
  }

  @Test("waiting for an element ends at the deadline")
  func deadline() {
    let queue = BoundedQueue<Int>(capacity: 1)
    #expect(queue.pop(until: .now()) == nil)
    #expect(queue.popAll(until: MonotonicTime.now().advanced(bySeconds: 0.001)) == [])
  }

  @Test("many producers and consumers through a queue of two: every element exactly once")
  func crowd() throws {
    let queue = BoundedQueue<Int>(capacity: 2)
    let taken = BoundedQueue<Int>(capacity: 4000)
    let producers = try (0..<4).map { producer in
      try OwnedThread(name: "producer") {
        for number in 0..<1000 { queue.push(producer * 1000 + number) }
      }
    }
    let consumers = try (0..<4).map { index in
      try OwnedThread(name: "consumer") {
        if index == 0 {
          while true {
            let batch = queue.popAll()
            if batch.isEmpty { return }
            for element in batch { taken.push(element) }
          }
        }
        while let element = queue.pop() { taken.push(element) }
      }
    }
    for thread in producers { thread.join() }
    queue.close()
    for thread in consumers { thread.join() }
    #expect(taken.drain().sorted() == Array(0..<4000))
  }

  @Test("a producer that waits for room learns of the closing")
  func closingWakesProducers() throws {
    let queue = BoundedQueue<Int>(capacity: 1)
    let outcome = BoundedQueue<Bool>(capacity: 1)
    queue.push(1)
    let thread = try OwnedThread(name: "producer") { outcome.push(queue.push(2)) }
    queue.close()
    #expect(outcome.pop() == false)
    thread.join()
    #expect(queue.drain() == [1])
  }
}
