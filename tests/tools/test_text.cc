#include "tools/cli/table_printer.h"
#include "tools/cli/text.h"
#include "tools/cli/verify_progress.h"

#include <catch2/catch.hpp>

#include <clocale>

namespace backsight::tools {
namespace {

const bool kUtf8 = std::setlocale(LC_CTYPE, "C.UTF-8") != nullptr;

TEST_CASE("control characters become visible") {
  CHECK(escape_controls("a\x1b[31mb\n\t\r\x7f") == "a\\x1b[31mb\\n\\t\\r\\x7f");
  CHECK(escape_controls("\xc2\x9b"
                        "0m \xe2\x80\xae"
                        "x") == "\\u009b0m \\u202ex");
  CHECK(escape_controls("\xff\xc3(") == "\\xff\\xc3(");
  CHECK(escape_controls("\xc0\x9b \xed\xa0\x80") == "\\xc0\\x9b \\xed\\xa0\\x80");  // overlong, surrogate
  CHECK(escape_controls("grün 数") == "grün 数");
  CHECK(escape_controls_in_lines("a\nb\x1b") == "a\nb\\x1b");
}

TEST_CASE("widths are columns, not bytes") {
  REQUIRE(kUtf8);
  CHECK(display_width("grün") == 4);
  CHECK(display_width("数据") == 4);
  CHECK(display_width("") == 0);
  CHECK(display_width("e\xcc\x81") == 1);  // combining accent
}

TEST_CASE("shortening never exceeds the columns and never cuts a character") {
  REQUIRE(kUtf8);
  CHECK(shorten("hello", 5) == "hello");
  CHECK(shorten("hello!", 5) == "hell…");
  CHECK(shorten("数据数据", 5) == "数据…");
  CHECK(shorten("数据数据", 4) == "数…");
  CHECK(shorten("hello", 1) == "…");
  CHECK(shorten("hello", 0).empty());
  CHECK(shorten_front("shop::Checkout::reserve", 10) == "…::reserve");
  for (std::size_t columns = 0; columns < 20; ++columns) {
    CHECK(display_width(shorten("a数b据c数d据e数", columns)) <= columns);
    CHECK(display_width(shorten_front("a数b据c数d据e数", columns)) <= columns);
  }
}

TEST_CASE("digits and bytes") {
  CHECK(group_digits("7") == "7");
  CHECK(group_digits("1234567") == "1,234,567");
  CHECK(group_digits("-123456") == "-123,456");
  CHECK(bytes_text(512) == "512 B");
  CHECK(bytes_text(1536) == "1.5 KiB");
}

TEST_CASE("a table keeps to the width by shrinking what may shrink") {
  Table table({{"N", true, 0}, {"TEXT", false, 6}, {"MORE", false, 6}});
  table.add_row({{"1", {}}, {std::string(200, 'x'), {}}, {std::string(30, 'y'), {}}});
  table.add_row({{"1000", {}}, {"short", {}}, {"short", {}}});
  for (std::size_t width : {20, 40, 80, 100}) {
    const std::string text = table.print(width, false);
    std::size_t begin = 0;
    while (begin < text.size()) {
      const std::size_t end = text.find('\n', begin);
      CHECK(display_width(text.substr(begin, end - begin)) <= width);
      begin = end + 1;
    }
  }
  CHECK(table.print(300, false).find("   1  xxx") != std::string::npos);  // numbers to the right
}

TEST_CASE("a progress bar stays within its bounds") {
  CHECK(progress_bar(0, 0).empty());
  CHECK(progress_bar(0, 1024) == "[                              ] 0 %  0 B of 1.0 KiB");
  CHECK(progress_bar(512, 1024).find("] 50 %  512 B of 1.0 KiB") != std::string::npos);
  CHECK(progress_bar(5000, 1024).find("[##############################] 100 %") == 0);
}

TEST_CASE("colours only where asked") {
  CHECK(styled("x", Style::kError, false) == "x");
  CHECK(styled("x", Style::kError, true) == "\x1b[31mx\x1b[0m");
  CHECK(styled("x", Style::kPlain, true) == "x");
}

}  // namespace
}  // namespace backsight::tools
