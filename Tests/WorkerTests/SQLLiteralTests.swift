import SQLite
import Testing

@testable import SluiceCLI

@Suite("SQLLiteral") struct SQLLiteralTests {
  @Test(
    "an argument is the SQL literal that it looks like, else its own text",
    arguments: [
      ("NULL", .null), ("null", .text("null")), ("", .text("")),
      ("0", .integer(0)), ("-7", .integer(-7)), (" -7", .integer(-7)),
      ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
      ("9223372036854775808", .text("9223372036854775808")),
      ("007", .text("007")), ("-0", .integer(0)), ("+1", .text("+1")), ("1 ", .text("1 ")),
      ("1.5", .real(1.5)), ("-2e9", .real(-2e9)), ("1E+2", .real(100)), ("0.5e-1", .real(0.05)),
      ("1.", .text("1.")), (".5", .text(".5")), ("1e", .text("1e")), ("01.5", .text("01.5")),
      ("0x10", .text("0x10")), ("inf", .text("inf")), ("nan", .text("nan")),
      ("'42'", .text("42")), ("'it''s'", .text("it's")), ("''", .text("")), ("'", .text("'")),
      ("'a'b'", .text("'a'b'")), ("''''", .text("'")), ("'''", .text("'''")),
      ("x'00fF'", .blob([0, 255])), ("X''", .blob([])), ("x'0'", .text("x'0'")),
      ("x'0g'", .text("x'0g'")), ("x'+1'", .text("x'+1'")), ("Grüße", .text("Grüße")),
    ] as [(String, Value)])
  func literal(argument: String, value: Value) {
    #expect(SQLLiteral.value(argument) == value)
  }

  @Test("only negative numbers are shielded from being taken for options")
  func shielding() {
    #expect(SQLLiteral.shielded("-5") == " -5")
    #expect(SQLLiteral.shielded("-1.5") == " -1.5")
    for argument in ["5", "-", "--", "-x", "--json", "-007", "-inf", "'-5'"] {
      #expect(SQLLiteral.shielded(argument) == argument)
    }
  }
}
