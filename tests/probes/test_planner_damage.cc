// Damaged binaries and debug information: opening and planning ends, in time,
// with issues. Each try runs in a child, so that a crash of a library is seen.
#include "tests/probes/planner_support.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

namespace backsight::probes {

namespace {

// What the child does with a damaged file; its exit status is 0 whatever it finds.
void open_and_plan(const std::string& path) {
#ifndef __SANITIZE_ADDRESS__  // its shadow alone is larger
  const rlimit memory{1ull << 30, 1ull << 30};
  setrlimit(RLIMIT_AS, &memory);
#endif
  alarm(60);
  auto binary = Binary::open({path, path}, {});
  if (!binary) return;
  const PlanResult result = (*binary)->plan(probe_of("*"));
  for (const CompiledPlan& plan : result.plans) dump_plan(plan);
  (*binary)->plan(
      probe_of("set_command", {"(text)c->argv[1]->ptr", "c->argv[0..c->argc]", "last_client->hidden"}));
}

int status_of(const std::string& path) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    open_and_plan(path);
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return status;
}

// Where the interesting bytes are: headers and every .debug section.
struct Region {
  std::size_t begin;
  std::size_t size;
};

std::vector<Region> regions(const std::string& path) {
  FILE* pipe = popen(("readelf -SW " + path + " | sed -n 's/^ *\\[ *[0-9]*\\] //p'").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::vector<Region> result = {{0, 64}};
  char name[256];
  char kind[64];
  unsigned long long address = 0;
  unsigned long long offset = 0;
  unsigned long long size = 0;
  char line[512];
  while (fgets(line, sizeof(line), pipe)) {
    if (sscanf(line, "%255s %63s %llx %llx %llx", name, kind, &address, &offset, &size) != 5) continue;
    const std::string text = name;
    if (text.rfind(".debug", 0) == 0 || text == ".text" || text == ".symtab" || text == ".shstrtab") {
      result.push_back({offset, size});
    }
  }
  pclose(pipe);
  REQUIRE(result.size() > 5);
  return result;
}

}  // namespace

TEST_CASE("damaged debug information never ends the planner") {
  const ScratchDirectory scratch;
  const std::string source = target("planner_c");
  const std::string original = read_text(source);
  const std::vector<Region> places = regions(source);
  std::mt19937 random(20260510);
  int crashes = 0;
  constexpr int kTries = 300;
  for (int i = 0; i < kTries; ++i) {
    std::string damaged = original;
    const int flips = 1 + static_cast<int>(random() % 8);
    for (int k = 0; k < flips; ++k) {
      const Region& region = places[random() % places.size()];
      damaged[region.begin + random() % region.size] ^= static_cast<char>(1u << random() % 8);
    }
    std::ofstream(scratch / "damaged", std::ios::binary | std::ios::trunc) << damaged;
    const int status = status_of(scratch / "damaged");
    if (status != 0) {
      ++crashes;
      UNSCOPED_INFO("try " << i << ": " << (WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "exit"));
      if (const char* keep = std::getenv("BACKSIGHT_KEEP_DAMAGED")) {
        std::ofstream(std::string(keep) + "/damaged-" + std::to_string(i), std::ios::binary) << damaged;
      }
    }
  }
  CHECK(crashes == 0);
}

TEST_CASE("truncated binaries never end the planner") {
  const ScratchDirectory scratch;
  const std::string original = read_text(target("planner_c"));
  for (std::size_t part = 0; part < 40; ++part) {
    std::ofstream(scratch / "cut", std::ios::binary | std::ios::trunc)
        << original.substr(0, original.size() * part / 40);
    INFO("kept " << part << " of 40");
    CHECK(status_of(scratch / "cut") == 0);
  }
}

}  // namespace backsight::probes
