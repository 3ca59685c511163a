// Samples keep the calls whose value hashes below the fraction, whatever the type
// of the value (docs/format/sampling.md); buckets keep what their rate allows. Both
// events of a call are there or none, and what was left out is counted and a gap.
#include "tests/runtime/harness.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <cstring>
#include <map>
#include <set>

using namespace backsight::tests;
namespace json = boost::json;

namespace {

constexpr std::uint64_t kCalls = 600;
constexpr double kFraction = 0.3;

// The format's own words, once more.
std::uint64_t mix(std::uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ x >> 27) * 0x94d049bb133111ebull;
  return x ^ x >> 31;
}

std::uint64_t hash_of(const json::value& value) {
  constexpr std::uint64_t kStart = 0x9e3779b97f4a7c15ull;
  if (!value.is_string()) return mix(static_cast<std::uint64_t>(value.as_int64()) + kStart);
  const auto& text = value.get_string();
  std::uint64_t hash = kStart;
  for (std::size_t i = 0; i < text.size() && i < 256; i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + i, std::min<std::size_t>(8, text.size() - i));
    hash = mix(hash ^ word);
  }
  return mix(hash ^ std::min<std::uint64_t>(text.size(), 257));
}

bool is_kept(const json::value& value) {
  return hash_of(value) < static_cast<std::uint64_t>(std::ldexp(kFraction, 64));
}

std::string service(const std::string& name, const std::string& keys) {
  return "  - name: " + name + "\n    match: { exe: \"" + target("conditions") +
         "\" }\n    probes:\n      - function: visit\n        capture: [record.id, record.name, "
         "record.small, ret]\n" +
         (keys.empty() ? "" : "        " + keys + "\n");
}

struct Recorded {
  std::map<std::int64_t, json::object> records;  // by id
  std::set<std::int64_t> ids;
  std::uint64_t hits = 0, kept = 0, lost = 0, lost_by_gaps = 0;
};

std::uint64_t number(const json::object& row, const char* key) {
  return row.at(key).to_number<std::uint64_t>();
}

Recorded recorded(const std::string& store, const std::string& service, const char* reason) {
  Recorded found;
  for (const auto& row : calls(store, "visit", {"-s", service})) {
    CHECK(row.at("exit_kind") == json::value("return"));
    const auto& record = row.at("args").at("record").as_object();
    found.ids.insert(record.at("id").as_int64());
    found.records[record.at("id").as_int64()] = record;
  }
  const auto probes = ask(store, {"probes", "-s", service});
  const auto& row = probes.at("probes").as_array().at(0).as_object();
  found.hits = number(row, "hits");
  found.kept = number(row, "kept");
  const auto& lost = row.at("lost").as_object();
  found.lost = lost.contains(reason) ? number(lost, reason) : 0;
  const auto gaps = ask(store, {"gaps", "-s", service});
  for (const auto& gap : gaps.at("gaps").as_array())
    if (gap.at("reason") == json::value(reason)) found.lost_by_gaps += number(gap.as_object(), "lost");
  return found;
}

}  // namespace

TEST_CASE("Samples are coherent, buckets are kept, and what is left out is told [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  TempDir dir;
  Daemon daemon(dir,
                service("all", "") + service("by_id", "sample: { fraction: 0.3, by: record.id }") +
                    service("by_small", "sample: { fraction: 0.3, by: record.small }") +
                    service("by_name", "sample: { fraction: 0.3, by: record.name }") +
                    service("chance", "sample: { fraction: 0.5 }") +
                    service("slow", "limits: { rate: 1/s, burst: 7 }") +
                    service("both", "where: \"record.id > 100\"\n        limits: { rate: 1/s, burst: 9 }"));
  {
    Child process({target("conditions")}, dir.file("out"));
    REQUIRE(daemon.wait_active(7));
    process.say(std::to_string(kCalls) + "\n");
    REQUIRE(eventually([&] { return process.output().find("done") != std::string::npos; }));
  }
  REQUIRE(daemon.stop() == 0);
  const auto all = recorded(daemon.store(), "all", "sampled");
  REQUIRE(all.ids.size() == kCalls);
  for (const std::string by : {"id", "small", "name"}) {
    INFO(by);
    const auto sampled = recorded(daemon.store(), "by_" + by, "sampled");
    std::set<std::int64_t> expected;
    for (const auto& [id, record] : all.records)
      if (is_kept(record.at(by))) expected.insert(id);
    CHECK(sampled.ids == expected);
    CHECK(sampled.lost == kCalls - expected.size());
    CHECK(sampled.lost_by_gaps == sampled.lost);
    CHECK(sampled.kept == 2 * expected.size());
    CHECK(sampled.hits == sampled.kept + sampled.lost);
  }
  const auto chance = recorded(daemon.store(), "chance", "sampled");
  CHECK(chance.ids.size() > kCalls / 3);
  CHECK(chance.ids.size() < kCalls * 2 / 3);
  CHECK(chance.lost == kCalls - chance.ids.size());

  const auto slow = recorded(daemon.store(), "slow", "throttled");
  CHECK(slow.ids.size() >= 7);  // the first at once, then one a second
  CHECK(slow.ids.contains(1));
  CHECK(slow.ids.size() < kCalls / 2);
  CHECK(slow.lost == kCalls - slow.ids.size());
  CHECK(slow.lost_by_gaps == slow.lost);
  CHECK(slow.kept == 2 * slow.ids.size());
  // What does not match takes no token.
  const auto both = recorded(daemon.store(), "both", "throttled");
  CHECK(both.ids.size() >= 9);
  CHECK(*both.ids.begin() == 101);
}
