import Glibc
import Sluice
import Spool

/// Makes a ticket of a claimed file, or the reason why it is none. Reads no more of it
/// than a header.
final class JobIntake {
  enum Verdict {
    case run(JobTicket)
    case reject(JobTicket, JobError)
  }

  private let decoder: JobDecoder
  private let layout: SpoolLayout
  private let databases: Set<String>

  init(_ decoder: JobDecoder, _ layout: SpoolLayout, databases: Set<String>) {
    self.decoder = decoder
    self.layout = layout
    self.databases = databases
  }

  /// - Parameter content: the whole file.
  func admit(_ claimed: ClaimedJob, _ content: [UInt8]) -> Verdict {
    let name = claimed.name
    do throws(DecodeFailure) {
      let decoded = try decoder.decode(content)
      let job = decoded.job
      var idHash: UInt64?
      if let range = decoded.fromLine {
        var hash = ContentHash()
        hash.update(content[..<range.lowerBound])
        hash.update(content[range.upperBound...])
        idHash = hash.value
      }
      let ticket = ticket(name, claimed.identity, job, idHash: idHash)
      if let error = error(of: job, in: name.lane) { return .reject(ticket, error) }
      return .run(ticket)
    } catch {
      return reject(name, claimed.identity, error.error, id: error.id, meta: error.meta)
    }
  }

  /// A `.sql` or `.jsonl`, which is read while it runs.
  /// - Throws: where the machine cannot read it now.
  func admit(streamed claimed: ClaimedJob) throws(FileError) -> Verdict {
    let name = claimed.name
    do {
      var job: Job
      if name.job.kind == .jsonl {
        let file = try BatchFile(layout, claimed, decoder)
        job = file.template
        job.body = .batch(StreamedBody(file))
      } else {
        let file = try ScriptFile(layout, claimed, decoder)
        job = file.template
        job.body = .script(StreamedBody(file))
        if case .whole(let bytes) = claimed.content, let queries = file.queries(bytes) {
          // It may be a read, which waits for no write.
          job.statements = queries
        }
      }
      let ticket = ticket(name, claimed.identity, job)
      if let error = error(of: job, in: name.lane) { return .reject(ticket, error) }
      return .run(ticket)
    } catch let error as DecodeFailure {
      return reject(name, claimed.identity, error.error, id: error.id, meta: error.meta)
    } catch let error as FileError {
      throw error
    } catch let error as StreamFailure {
      if case .unreadable(let message) = error {
        throw FileError(.read, path: layout.active.pathOf(name.text), errno: EIO, hint: message)
      }
      return reject(name, claimed.identity, error.asJobError)
    } catch {
      return reject(name, claimed.identity, JobError(.request, SluiceCode.badFile, "\(error)"))
    }
  }

  /// A file that is no job.
  func reject(
    _ name: ClaimedName, _ identity: FileIdentity? = nil, _ error: JobError, id: String? = nil,
    meta: [UInt8]? = nil
  ) -> Verdict {
    var job = Job()
    job.id = id
    job.meta = meta
    let identity =
      identity
      ?? FileIdentity(device: 0, inode: 0, birth: 0, modified: 0, size: 0, hash: 0)
    return .reject(ticket(name, identity, job), error)
  }

  private func ticket(
    _ name: ClaimedName, _ identity: FileIdentity, _ job: Job, idHash: UInt64? = nil
  ) -> JobTicket {
    let lane = name.lane.priority ?? .normal
    let asked = job.priority ?? lane
    return JobTicket(
      sequence: Int64(name.sequence), name: name.job.text, identity: identity, job: job,
      priority: name.lane == .root ? asked : max(asked, lane), arrived: name.arrival,
      idHash: idHash)
  }

  private func error(of job: Job, in lane: IncomingLane) -> JobError? {
    if case .control = job.body {
      guard lane == .control else {
        return JobError(
          .request, SluiceCode.forbidden, "a control job has to be in incoming/control/",
          pointer: "/control", hint: "drop it there: who may write there may command the worker")
      }
    } else if lane == .control {
      return JobError(
        .request, SluiceCode.forbidden, "incoming/control/ is for control jobs only",
        hint: "drop it into incoming/ or one of the lanes")
    }
    if let most = lane.priority, let asked = job.priority, asked < most {
      return JobError(
        .request, SluiceCode.forbidden,
        "priority \(asked.name) is above the lane \(most.name)", pointer: "/priority",
        hint: "drop it into incoming/\(asked.name)/, or leave the field out")
    }
    guard databases.contains(job.database) else {
      return .noDatabase(job.database, known: databases)
    }
    return nil
  }
}

extension JobError {
  public static func noDatabase(_ name: String, known: Set<String>) -> JobError {
    JobError(
      .request, SluiceCode.noDatabase, "there is no database \(name)", pointer: "/database",
      hint: "known: \(known.sorted().joined(separator: ", "))")
  }
}

extension StreamFailure {
  /// What it means for the job.
  var asJobError: JobError {
    switch self {
    case .unfit(let error): error
    case .changed(let message), .unreadable(let message):
      JobError(
        .request, SluiceCode.badFile, message, hint: "leave files alone once they are claimed")
    }
  }
}
