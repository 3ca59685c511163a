#include "tools/http/json_text.h"

#include <catch2/catch.hpp>

#include <limits>

namespace backsight::tools {
namespace {

std::string compact(const boost::json::value& value) {
  return to_json_text(value, JsonLayout::kCompact);
}

TEST_CASE("numbers are exact and natural") {
  CHECK(compact(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
  CHECK(compact(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  CHECK(compact(0.0) == "0.0");
  CHECK(compact(31.5) == "31.5");
  CHECK(compact(0.1) == "0.1");
  CHECK(compact(1e300) == "1e+300");
  CHECK(compact(std::numeric_limits<double>::infinity()) == "\"Infinity\"");
}

TEST_CASE("nothing in JSON text steers a terminal") {
  const std::string hostile(
      "\x1b]0;owned\x07 \xc2\x9b"
      "31m \x7f \xe2\x80\xae \0 end",
      28);
  const std::string text = compact(boost::json::string(hostile));
  for (unsigned char c : text) CHECK((c >= 0x20 && c != 0x7f));
  CHECK(text.find("\xc2\x9b") == std::string::npos);
  CHECK(text.find("\xe2\x80\xae") == std::string::npos);
  CHECK(boost::json::parse(text).get_string() == hostile);
}

TEST_CASE("bytes that are not UTF-8 are replaced, so that the text stays JSON") {
  CHECK(compact("a\xff"
                "b\xc3") ==
        "\"a\xef\xbf\xbd"
        "b\xef\xbf\xbd\"");
}

TEST_CASE("the pretty form reads back to the same value") {
  const boost::json::value value = boost::json::parse(
      R"({"a":[],"b":{},"c":[1,2,{"d":"a long text that does not fit on one line with the others, surely not"}],
          "e":{"f":{"g":null}}})");
  const std::string pretty = to_json_text(value, JsonLayout::kPretty);
  CHECK(boost::json::parse(pretty) == value);
  CHECK(pretty.find("\n  \"a\": []") != std::string::npos);
}

TEST_CASE("ndjson is one row per line, or the object where there are no rows") {
  const boost::json::object answer{{"rows", boost::json::array{1, "a\nb", nullptr}}, {"n", 3}};
  CHECK(to_ndjson(answer, "rows") == "1\n\"a\\nb\"\nnull\n");
  CHECK(to_ndjson({{"n", 3}}, "") == "{\"n\":3}\n");
  CHECK(to_ndjson({{"n", 3}}, "rows") == "{\"n\":3}\n");
}

}  // namespace
}  // namespace backsight::tools
