// Goldens: golden/NAME.json shown as a table of 100 columns in UTC is
// golden/NAME.txt. BACKSIGHT_UPDATE_GOLDENS=1 writes them anew; look at the
// difference before committing it.
#include "tools/cli/present.h"
#include "tools/cli/present_value.h"
#include "tools/cli/text.h"

#include <catch2/catch.hpp>

#include <clocale>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace backsight::tools {
namespace {

const bool kUtf8 = std::setlocale(LC_CTYPE, "C.UTF-8") != nullptr;

std::string golden_path(const std::string& name) {
  return "tests/tools/golden/" + name;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

boost::json::object read_answer(const std::string& name) {
  boost::json::parse_options options;
  options.allow_comments = true;
  return boost::json::parse(read_file(golden_path(name + ".json")), {}, options).as_object();
}

void compare(const std::string& name, const std::string& text) {
  const std::string path = golden_path(name);
  if (std::getenv("BACKSIGHT_UPDATE_GOLDENS") != nullptr) std::ofstream(path) << text;
  CHECK(text == read_file(path));
}

void check_width(const std::string& text, std::size_t width) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    CHECK(display_width(line) <= width);
  }
}

struct GoldenCase {
  const char* name;
  const char* verb;
  const char* rows_key;
};
constexpr GoldenCase kCases[] = {
    {"calls", "calls", "calls"},
    {"calls_mixed", "calls", "calls"},
    {"state", "state", "processes"},
    {"history", "history", "changes"},
    {"last", "last", "changes"},
    {"gaps", "gaps", "gaps"},
    {"probes", "probes", "probes"},
    {"services", "services", "services"},
    {"processes", "processes", "processes"},
    {"moments", "moments", "moments"},
    {"pin", "pin", "pins"},
    {"stats", "store stats", ""},
    {"verify", "store verify", "damage"},
    {"check", "check", "probes"},
};

TEST_CASE("tables at 100 columns") {
  REQUIRE(kUtf8);
  for (const GoldenCase& golden : kCases) {
    CAPTURE(golden.name);
    const boost::json::object answer = read_answer(golden.name);
    PresentOptions options;
    options.utc = true;
    const std::string text = present(golden.verb, golden.rows_key, answer, options);
    compare(std::string(golden.name) + ".txt", text);
    check_width(text, 100);
    // Colours change nothing but colours.
    options.color = true;
    std::string colored = present(golden.verb, golden.rows_key, answer, options);
    for (std::size_t at = 0; (at = colored.find('\x1b')) != std::string::npos;) {
      colored.erase(at, colored.find('m', at) - at + 1);
    }
    CHECK(colored == text);
  }
}

TEST_CASE("narrow and wide terminals") {
  for (const GoldenCase& golden : kCases) {
    const boost::json::object answer = read_answer(golden.name);
    for (std::size_t width : {60, 80, 200}) {
      PresentOptions options;
      options.width = width;
      const std::string text = present(golden.verb, golden.rows_key, answer, options);
      CHECK_FALSE(text.empty());
      if (width >= 80) check_width(text, width < 100 ? 100 : width);
    }
  }
}

TEST_CASE("captured text cannot steer the terminal, in any form") {
  const boost::json::object answer = read_answer("hostile");
  for (const char* verb : {"calls", "other"}) {
    for (Format format : {Format::kTable, Format::kJson, Format::kNdjson, Format::kCsv}) {
      PresentOptions options;
      options.format = format;
      options.terminal = true;
      const std::string text = present(verb, "calls", answer, options);
      CHECK(text.find('\x1b') == std::string::npos);
      CHECK(text.find('\x07') == std::string::npos);
      CHECK(text.find("\xc2\x9b") == std::string::npos);
      CHECK(text.find("\xe2\x80\xae") == std::string::npos);
    }
  }
  PresentOptions options;
  CHECK(present("state", "processes", read_answer("hostile"), options).find('\x1b') == std::string::npos);
}

TEST_CASE("no answer of any shape breaks the presentation") {
  static const char* const kShapes[] = {
      "{}",
      R"({"calls":null})",
      R"({"calls":[1,"x",null,[]]})",
      R"({"calls":[{}]})",
      R"({"calls":[{"args":3,"return":{},"thread":7,"process":[],"entry":12,"unavailable":[]}]})",
      R"({"calls":[{"event":{"a":1},"args":{"a":null},"unavailable":{"a":3}}]})",
      R"({"processes":[{"threads":[{"calls":[3,{"args":[]}]},4],"globals":{"g":1},"last":{"f":2,"g":{}}}],"at":4})",
      R"({"complete":false,"gaps":[3,{"from":1,"lost":-1}],"damage":"x","undecided":"y"})",
      R"({"probes":[{"instances":[{"captures":[1,{}],"issues":[2]}],"issues":3}]})"};
  for (const char* shape : kShapes) {
    const boost::json::object answer = boost::json::parse(shape).as_object();
    for (const GoldenCase& golden : kCases) {
      for (Format format : {Format::kTable, Format::kJson, Format::kNdjson, Format::kCsv}) {
        PresentOptions options;
        options.format = format;
        CHECK_NOTHROW(present(golden.verb, golden.rows_key, answer, options));
      }
    }
  }
}

TEST_CASE("csv quotes what needs it and keeps nested values as JSON") {
  const boost::json::object answer = boost::json::parse(R"({"rows":[
      {"a":"plain","b":1,"c":null},
      {"a":"with, comma","b":{"x":["y",2]},"d":true},
      {"a":"a \"quote\"\nand a line"}]})")
                                         .as_object();
  PresentOptions options;
  options.format = Format::kCsv;
  CHECK(present("any", "rows", answer, options) ==
        "a,b,c,d\n"
        "plain,1,,\n"
        "\"with, comma\",\"{\"\"x\"\":[\"\"y\"\",2]}\",,true\n"
        "\"a \"\"quote\"\"\nand a line\",,,\n");
  CHECK(present("any", "rows", boost::json::object{{"rows", boost::json::array{}}}, options).empty());
}

std::string arguments(const char* call, std::size_t columns = 1000) {
  return arguments_text(boost::json::parse(call).as_object(), columns);
}

TEST_CASE("values read well, and what is missing shows its reason in its place") {
  CHECK(arguments(R"({"args":{"a":1,"b":{"c":"x","d":[1,2]}}})") == R"(a=1, b={c="x", d=[1, 2]})");
  CHECK(arguments(R"({"args":{"u":{"email":null}},"unavailable":{"u.email":"not_resident"}})") ==
        "u={email=<not_resident>}");
  CHECK(arguments(R"({"args":{"p":null},"unavailable":{}})") == "p=null");
  CHECK(arguments(R"({"args":{"v":[1,2]},"unavailable":{"v":"element_limit 2 of 100"}})") ==
        "v=[1, 2, …<element_limit 2 of 100>]");
  CHECK(arguments(R"({"args":{"s":"abc"},"unavailable":{"s":"string_limit 3 of 9"}})") ==
        "s=\"abc\"…<string_limit 3 of 9>");
  CHECK(arguments(R"({"args":{"v":[{"x":null}]},"unavailable":{"v[0].x":"bad_address"}})") ==
        "v=[{x=<bad_address>}]");
  CHECK(arguments(R"({"args":{},"unavailable":{"n":"optimized_out","return":"depth_limit"}})") ==
        "n=<optimized_out>");
  CHECK(arguments(R"({"args":{"p":{"$ptr":"0x10"},"q":{"$ref":"0x20"},"b":{"$bytes":"ff00"}}})") ==
        "p=0x10, q=→0x20, b=hex\"ff00\"");
  CHECK(arguments(R"({"args":{"e":{"$type":"shop::Card","n":1},"o":{"$alt":"Some","value":3}}})") ==
        "e=shop::Card{n=1}, o=Some(3)");
}

TEST_CASE("long values are shortened inside before they are cut") {
  const char* call =
      R"({"args":{"order":{"id":7,"note":"a very long note that nobody reads to its end, really",
      "items":[{"sku":"A1"},{"sku":"A2"},{"sku":"A3"},{"sku":"A4"},{"sku":"A5"}]},"n":3}})";
  for (std::size_t columns = 1; columns < 140; ++columns) {
    CHECK(display_width(arguments(call, columns)) <= columns);
  }
  const std::string text = arguments(call, 70);
  CHECK(text.find("id=7") != std::string::npos);
  CHECK(text.find("n=3") != std::string::npos);  // the last argument is still there
}

TEST_CASE("how a call ended") {
  const auto text = [](const char* call) { return return_text(boost::json::parse(call).as_object(), 40); };
  CHECK(text(R"({"exit_kind":"return","return":-1,"unavailable":{}})") == "-1");
  CHECK(text(R"({"exit_kind":"return","return":null,"unavailable":{}})").empty());
  CHECK(text(R"({"exit_kind":"return","return":null,"unavailable":{"return":"in_vector_register"}})") ==
        "<in_vector_register>");
  CHECK(text(R"({"exit_kind":"open","return":null})") == "(open)");
  CHECK(text(R"({"exit_kind":"unwound","return":null})") == "(unwound)");
  CHECK(text(R"({"exit_kind":"return","return":{"x":null},"unavailable":{"return.x":"depth_limit"}})") ==
        "{x=<depth_limit>}");
}

TEST_CASE("local times follow TZ, and dates appear where they differ") {
  ::setenv("TZ", "Europe/Berlin", 1);
  ::tzset();
  const boost::json::object answer = boost::json::parse(R"({"moments":[
      {"name":"a","kind":"mark","at":"2026-11-22T10:03:00.500000000Z"},
      {"name":"b","kind":"mark","at":"2026-11-21T10:03:00.500000000Z"}]})")
                                         .as_object();
  const std::string text = present("moments", "moments", answer, {});
  CHECK(text.find("2026-11-22 11:03:00.500000") != std::string::npos);
  CHECK(text.find("UTC+0100") != std::string::npos);
  ::setenv("TZ", "UTC", 1);
  ::tzset();
}

}  // namespace
}  // namespace backsight::tools
