import JSON
import Sluice

/// Why a job file is rejected, with what its result still tells the producer.
public struct DecodeFailure: Error, Sendable, Equatable {
  public var error: JobError
  /// The job's id, where it could be read.
  public var id: String?
  /// The job's `meta` as written, where it could be read.
  public var meta: [UInt8]?

  init(_ error: JobError) { self.error = error }
}

/// A wrong part of a job, before its pointer has been worked out.
struct JobFault: Error {
  var code = SluiceCode.badJob
  var message: String
  var hint: String?
  /// Where the wrong value, or its key, begins in the text.
  var offset: Int
}

extension JobError {
  /// What a text that is no acceptable JSON means for the job in it.
  init(_ error: JSONError) {
    switch error.kind {
    case .syntax:
      self.init(
        .request, SluiceCode.badJSON, error.description,
        hint: "write JSON as in RFC 8259: UTF-8, double quotes, no comments, no trailing commas")
    case .depth:
      self.init(
        .request, SluiceCode.tooLarge, "the JSON is \(error.message)", pointer: error.pointer,
        hint: "nest arrays and objects less deeply")
    case .repeatedKey:
      self.init(
        .request, SluiceCode.badJob, "the field \(Self.last(of: error.pointer)) is repeated",
        pointer: error.pointer, hint: "keep one of the two")
    case .integerOverflow:
      self.init(
        .request, SluiceCode.badJob, "expected an integer of at most 64 bits: \(error.message)",
        pointer: error.pointer,
        hint: "write it as a string, or with a fraction or an exponent as a real")
    }
    line = error.line
    column = error.column
  }

  init(_ fault: JobFault, in root: JSONNode) {
    self.init(
      .request, fault.code, fault.message, pointer: root.pointer(toByte: fault.offset),
      hint: fault.hint)
  }

  /// The last key of a pointer, quoted for a message.
  private static func last(of pointer: String?) -> String {
    let token = pointer?.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
    var key = ""
    var escaped = false
    for character in token {
      if escaped {
        key.append(character == "1" ? "/" : "~")
        escaped = false
      } else if character == "~" {
        escaped = true
      } else {
        key.append(character)
      }
    }
    return "\"\(key)\""
  }
}
