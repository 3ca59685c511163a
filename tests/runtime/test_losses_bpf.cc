// Every hit is stored or lost, and both counts of what was lost say the same:
// hits = stored + lost by `probes` = stored + lost by `gaps`.
#include "tests/runtime/harness.h"

#include <catch2/catch.hpp>

#include <map>

using namespace backsight::tests;
namespace json = boost::json;

namespace {

struct Counts {
  std::size_t instances = 0;
  std::uint64_t hits = 0, kept = 0;
  std::map<std::string, std::uint64_t> lost;  // by reason
};

std::string service(const std::string& exe) {
  return R"(
  - name: losses
    match: { exe: ")" +
         exe + R"(" }
    probes:
      - function: carry
        limits: { elements: 2000, bytes: 16KiB }
limits: { memory: 32MiB }
)";
}

Counts counts_of_probes(const std::string& store) {
  Counts counts;
  const auto answer = ask(store, {"probes"});
  for (const auto& row : answer.at("probes").as_array()) {
    INFO(json::serialize(row));
    ++counts.instances;
    std::uint64_t lost = 0;
    for (const auto& [reason, events] : row.at("lost").as_object()) {
      counts.lost[reason] += events.to_number<std::uint64_t>();
      lost += events.to_number<std::uint64_t>();
    }
    const auto hits = row.at("hits").to_number<std::uint64_t>();
    const auto kept = row.at("kept").to_number<std::uint64_t>();
    CHECK(hits == kept + lost);
    counts.hits += hits;
    counts.kept += kept;
  }
  return counts;
}

std::map<std::string, std::uint64_t> lost_by_gaps(const std::string& store) {
  std::map<std::string, std::uint64_t> lost;
  const auto answer = ask(store, {"gaps"});
  for (const auto& row : answer.at("gaps").as_array()) {
    const auto events = row.at("lost").to_number<std::uint64_t>();
    if (events == 0) continue;
    CHECK(row.at("probe") == json::value("carry"));
    lost[std::string(row.at("reason").as_string())] += events;
  }
  return lost;
}

std::uint64_t stored_events(const std::string& store) {
  const auto answer = ask(store, {"store", "stats"});
  return answer.at("events").to_number<std::uint64_t>();
}

}  // namespace

TEST_CASE("Hits are stored or lost, and lost alike by probes and gaps, of inlined copies too [bpf]",
          "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  constexpr std::uint64_t kStopped = 4000, kSmall = 10;
  TempDir dir;
  Daemon daemon(dir, service(target("losses")));
  {
    Child process({target("losses")}, dir.file("out"));
    std::size_t rounds = 0;
    const auto make_calls = [&](std::uint64_t count) {
      ++rounds;
      process.say(std::to_string(count) + "\n");
      return eventually([&] {
        const auto text = process.output();
        std::size_t done = 0;
        for (auto at = text.find("done"); at != std::string::npos; at = text.find("done", at + 1)) ++done;
        return done == rounds;
      });
    };
    REQUIRE(daemon.wait_active(3));
    REQUIRE(make_calls(kSmall));
    daemon.child().signal(SIGSTOP);
    const bool made = make_calls(kStopped);
    daemon.child().signal(SIGCONT);
    REQUIRE(made);
    REQUIRE(make_calls(kSmall));
  }
  REQUIRE(daemon.stop() == 0);
  const auto counts = counts_of_probes(daemon.store());
  CHECK(counts.instances == 3);
  // Of each call by itself, its entry and its return; copies have no return.
  CHECK(counts.hits == (kStopped + 2 * kSmall) * 7 / 2);
  CHECK(counts.kept == stored_events(daemon.store()));
  CHECK(counts.lost == lost_by_gaps(daemon.store()));
  CHECK(counts.lost.contains("ring_full"));
  CHECK(counts.lost.contains("memory_limit"));
}
