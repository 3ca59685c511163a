// What the kernel decides is what the query tool decides: for each condition a
// service that records only what matches, beside one that records every call. The
// calls of the former must be those that `--where` takes of the latter.
#include "tests/runtime/harness.h"

#include <catch2/catch.hpp>

#include <map>
#include <set>

using namespace backsight::tests;
namespace json = boost::json;

namespace {

const std::vector<std::string>& conditions() {
  static const std::vector<std::string> all = {
      // numbers of every width and sign
      "record.id % 3 == 0",
      "record.tiny < 0",
      "record.byte >= 128",
      "record.small == -32768 || record.word == 65535",
      "record.number > 100 && record.natural > 100",
      "record.large < record.huge",
      "record.huge > 9223372036854775807",
      "record.huge == record.large",
      "record.natural - record.number > 0",
      "record.large + 1 > record.large",
      "record.large * 2 > 10",
      "record.huge - record.natural > 5",
      "-record.large > 0",
      "~record.number == 0",
      "~record.huge == 0",
      "record.number / 7 == -1",
      "record.number % 7 == -2",
      "record.huge / 3 > 100",
      "record.number / record.byte > 3",
      "(record.natural & 255) == 255",
      "(record.huge | 1) > 18446744073709551600",
      "(record.large ^ 3) < 0",
      "record.byte << 4 > 1000",
      "record.large << 8 > 0",
      "record.large >> 60 != 0",
      "number > 0 && huge != 0",
      "number == record.number || huge == record.huge",
      "record.low == 5",
      "record.middle < -10",
      "record.high > 1099511627000",
      // truth
      "record.flag",
      "!record.flag && record.number",
      "record.flag == true",
      "record.customer && record.customer.age > 40",
      "!(record.customer != nullptr || record.flag)",
      // characters and enumerators
      "record.letter == \"x\"",
      "record.state == kPaid",
      "record.state != State::kGone && record.colour == kRed",
      "record.state == \"kGone\"",
      // floating point
      "record.total > 0.1",
      "record.total == 0",
      "record.total < record.ratio",
      "record.ratio >= -1.5",
      "record.ratio == 1",
      "record.total < record.number",
      "-record.total > 1",
      "record.total",
      // texts
      "record.name == \"order\"",
      "record.name != \"abcdefgh\"",
      "record.name == \"\"",
      "starts_with(record.name, \"order\")",
      "starts_with(record.view, \"abcdefghi\")",
      "record.view == \"a text of more than 16 bytes\"",
      "record.text == \"abc\"",
      "record.text != \"abc\"",
      "starts_with(record.text, \"a\")",
      "record.text == nullptr",
      "record.fixed == \"exactly-12-b\"",
      "starts_with(record.fixed, \"a text of \")",
      "view == \"order-1\" || starts_with(view, \"order-12\")",
      "record.name == \"grün\"",
      "len(record.name) > 5",
      "len(record.view) == 0",
      // pointers
      "record.customer == nullptr",
      "record.customer.email == \"order\"",
      "record.owned != nullptr && record.owned.age < 30",
      "record.shared == nullptr || record.maybe == nullptr",
      "record.pointer == 2",
      "record.pointer != 2",
      "record.pointer > 0",
      "record.pointer",
      "*record.pointer < 1",
      "record.measure >= 2",
      // elements and lengths
      "record.values[1] > 4",
      "record.four[2] == 3",
      "len(record.values) >= 3",
      "len(record.tree) == 2 || len(record.nodes) == 0",
      // what cannot be read leaves undecided what it decides
      "*record.broken > 0",
      "*record.broken > 0 && record.flag",
      "*record.broken > 0 || record.flag",
      "!(*record.broken > 0) && !record.flag",
      // who
      "thread == \"conditions\"",
      "starts_with(thread, \"other\")",
      "tid == pid",
  };
  return all;
}

std::string quoted(const std::string& text) {
  return json::serialize(json::value(text));
}

std::string services() {
  const std::string common = R"(
    match: { exe: ")" + target("conditions") +
                             R"(" }
    probes:
      - function: visit
        limits: { depth: 3, bytes: 16KiB }
)";
  std::string text = "  - name: all" + common;
  for (std::size_t i = 0; i < conditions().size(); ++i)
    text += "  - name: c" + std::to_string(i) + common +
            "        capture: [record.id]\n        where: " + quoted(conditions()[i]) + "\n";
  return text;
}

struct Taken {
  std::set<std::int64_t> ids;
  std::size_t calls = 0;
  std::uint64_t undecided = 0;
};

// By service.
std::map<std::string, Taken> taken(const std::string& store, std::vector<std::string> more) {
  more.insert(more.begin(), {"calls", "visit"});
  const auto answer = ask(store, std::move(more));
  std::map<std::string, Taken> all;
  for (const auto& row : answer.at("calls").as_array()) {
    auto& found = all[std::string(row.at("service").as_string())];
    found.ids.insert(row.at("args").at("record").at("id").as_int64());
    CHECK(row.at("exit_kind") == json::value("return"));
    ++found.calls;
  }
  // Of a question about one service.
  if (const auto* undecided = answer.if_contains("undecided"))
    all["all"].undecided = undecided->to_number<std::uint64_t>();
  return all;
}

std::map<std::string, json::object> probes(const std::string& store) {
  std::map<std::string, json::object> rows;
  const auto answer = ask(store, {"probes"});
  for (const auto& row : answer.at("probes").as_array())
    rows[std::string(row.at("service").as_string())] = row.as_object();
  return rows;
}

}  // namespace

TEST_CASE("The kernel decides conditions as the query tool does [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  constexpr std::uint64_t kCalls = 400;
  TempDir dir;
  Daemon daemon(dir, services());
  {
    Child process({target("conditions")}, dir.file("out"));
    REQUIRE(daemon.wait_active(conditions().size() + 1));
    process.say(std::to_string(kCalls) + "\n");
    REQUIRE(eventually([&] { return process.output().find("done") != std::string::npos; }));
  }
  REQUIRE(daemon.stop() == 0);
  auto recorded = taken(daemon.store(), {});
  REQUIRE(recorded["all"].ids.size() == kCalls);
  const auto rows = probes(daemon.store());
  std::size_t both = 0;
  for (std::size_t i = 0; i < conditions().size(); ++i) {
    const std::string service = "c" + std::to_string(i);
    INFO(conditions()[i]);
    const auto& kernel = recorded[service];
    const auto query = taken(daemon.store(), {"-s", "all", "--where", conditions()[i]})["all"];
    CHECK(kernel.ids == query.ids);
    CHECK(kernel.calls == kernel.ids.size());
    both += !kernel.ids.empty() && kernel.ids.size() < kCalls;
    const auto& row = rows.at(service);
    INFO(json::serialize(row));
    const auto& lost = row.at("lost").as_object();
    const auto undecided = lost.contains("undecided") ? lost.at("undecided").to_number<std::uint64_t>() : 0;
    CHECK(undecided == query.undecided);
    CHECK(row.at("rejected").to_number<std::uint64_t>() == kCalls - undecided - kernel.calls);
    CHECK(row.at("hits").to_number<std::uint64_t>() == kCalls + kernel.calls);
  }
  CHECK(both > conditions().size() * 3 / 4);  // the records are varied enough to say something
}
