// Every kind of function that can be named: each call is seen once, under its
// name, with its values or the reason why one is not there.
#include "tests/runtime/harness.h"

#include <catch2/catch.hpp>

#include <map>
#include <sstream>

using namespace backsight::tests;
namespace json = boost::json;

namespace {

constexpr int kRounds = 3;
const std::vector<std::string> kEarly = {"fn::mix",
                                         "fn::once",
                                         "fn::many",
                                         "fn::sometimes",
                                         "fn::Widget::*",
                                         "fn::twice",
                                         "fn::hidden",
                                         "fn::with_lambda*::operator()",
                                         "fn::Meter::read(int)::{lambda(int)#1}::operator()",
                                         "fn::ramp",
                                         "fn_alias"};

// Of each call, what was passed.
std::map<std::string, json::array> arguments_of(const std::string& output) {
  auto truth = truth_of(output);
  for (auto& [function, rows] : truth) {
    for (json::value& row : rows) row = json::value(row.at("args"));
  }
  return truth;
}

std::size_t count_of(const std::string& text, const std::string& word) {
  std::size_t count = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

// "functions_lines.cc:27" of the line that ends in that comment.
std::string marked_line(const std::string& mark) {
  std::istringstream source(read_file("tests/runtime/targets/functions_lines.cc"));
  int number = 0;
  for (std::string line; std::getline(source, line);) {
    ++number;
    if (line.find("// " + mark) != std::string::npos) return "functions_lines.cc:" + std::to_string(number);
  }
  FAIL("no line is marked " << mark);
  return {};
}

constexpr const char* kLines[] = {"the inner line", "the outer line",    "the loop line",
                                  "the while line", "the skipping line", "the last line"};

std::string service(const std::string& exe) {
  std::string text = "\n  - name: functions\n    match: { exe: \"" + exe + "\" }\n    probes:\n";
  for (const auto& function : kEarly) text += "      - function: \"" + function + "\"\n";
  text += "      - function: fn_late\n";
  for (const char* mark : kLines) text += "      - line: \"" + marked_line(mark) + "\"\n";
  return text;
}

struct Tally {
  std::size_t compared = 0;
  std::size_t unavailable = 0;
};

// Every value is the true one, or null with a reason.
void compare(const json::array& recorded, const json::array& expected, Tally& tally) {
  REQUIRE(recorded.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto& call = recorded[i].as_object();
    INFO(json::serialize(call) << "\n" << json::serialize(expected[i]));
    const auto& args = call.at("args").as_object();
    for (const auto& [name, value] : expected[i].as_object()) {
      if (!args.contains(name) || args.at(name).is_null()) {
        CHECK(call.at("unavailable").as_object().contains(name));
        ++tally.unavailable;
      } else {
        CHECK(args.at(name).to_number<std::int64_t>() == value.to_number<std::int64_t>());
        ++tally.compared;
      }
    }
  }
}

}  // namespace

TEST_CASE("every kind of function is seen, once a call, with its values [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  const std::string name = GENERATE(std::string("functions"), std::string("functions_clang"));
  INFO(name);
  TempDir dir;
  std::string output;
  Daemon daemon(dir, service(target(name)));
  {
    Child process({target(name)}, dir.file("truth"));
    REQUIRE(daemon.wait_active(kEarly));
    for (const char* mark : kLines) REQUIRE(daemon.wait_active({marked_line(mark)}));
    for (int i = 1; i <= kRounds; ++i) {
      process.say("go\n");
      REQUIRE(eventually([&] { return count_of(process.output(), "done") == static_cast<std::size_t>(i); }));
      // The library is there now, and probed before the next round.
      if (i == 1) REQUIRE(daemon.wait_active({"fn_late"}));
    }
    process.signal(SIGTERM);
    process.wait();
    output = process.output();
  }
  REQUIRE(daemon.stop() == 0);
  auto truth = arguments_of(output);
  Tally tally;
  for (const char* function : {"fn::mix", "fn::Widget::Widget", "fn::Widget::heavier", "fn::Widget::~Widget",
                               "fn::(anonymous namespace)::hidden", "fn::ramp", "fn_original"}) {
    INFO(function);
    compare(calls(daemon.store(), function), truth.at(function), tally);
  }
  // GCC writes "long int" where clang writes "long".
  compare(calls(daemon.store(), "fn::twice<int>"), truth.at("fn::twice<int>"), tally);
  compare(calls(daemon.store(), "fn::twice<long*>"), truth.at("fn::twice<long int>"), tally);
  compare(calls(daemon.store(), "fn::with_lambda*"), truth.at("lambda"), tally);
  const auto inlined = calls(daemon.store(), "fn::Meter::read*");
  compare(inlined, truth.at("inlined lambda"), tally);
  for (const auto& call : inlined) {
    CHECK(call.at("function") == "fn::Meter::read(int)::{lambda(int)#1}::operator()");
    CHECK(call.at("return").is_null());
  }
  // Each line once each time that control arrives at it from another one.
  const auto compare_line = [&](const char* function, const char* mark, const char* told) {
    INFO(mark);
    const std::string line = marked_line(mark);
    json::array events;
    for (const auto& call : calls(daemon.store(), function)) {
      const auto number = call.at("source").at("line").to_number<int>();
      if (line.ends_with(":" + std::to_string(number))) events.push_back(call);
    }
    compare(events, truth.at(told), tally);
  };
  compare_line("lines::walk", "the inner line", "lines::walk:inner");
  compare_line("lines::walk", "the outer line", "lines::walk:outer");
  compare_line("lines::walk", "the loop line", "lines::walk:loop");
  compare_line("lines::drain", "the while line", "lines::drain:loop");
  compare_line("lines::drain", "the skipping line", "lines::drain:skip");
  compare_line("lines::drain", "the last line", "lines::drain:return");
  // The first round's calls may come before the library is found; none is made up.
  const auto late = calls(daemon.store(), "fn_late");
  const auto& told = truth.at("fn_late");
  REQUIRE(late.size() >= told.size() * (kRounds - 1) / kRounds);
  REQUIRE(late.size() <= told.size());
  compare(late, json::array(told.end() - static_cast<std::ptrdiff_t>(late.size()), told.end()), tally);
  // Inlined entries do not disturb the calls around them.
  for (const char* function : {"fn::once", "fn::many", "fn::sometimes"}) {
    for (const auto& call : calls(daemon.store(), function)) CHECK(call.at("exit_kind") == "return");
  }
  CHECK(tally.compared > 2000);
  WARN(tally.compared << " values equal, " << tally.unavailable << " unavailable");
}
