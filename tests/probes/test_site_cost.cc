// The file that keeps what probes cost on this machine.
#include "probes/site_cost.h"

#include "tests/probes/planner_support.h"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>

namespace backsight::probes {

TEST_CASE("measured costs are read back, on this kernel and CPU only") {
  const ScratchDirectory directory;
  const std::string path = directory / "deep/site-costs.json";
  CHECK(load_site_costs(path).error().code == schema::ErrorCode::kNotFound);
  SiteCosts costs;
  costs.nop5 = 201;
  costs.emulated = 445;
  costs.single_step = 27'000;
  costs.uretprobe = 209;
  REQUIRE(save_site_costs(path, costs).has_value());
  costs.measured = true;
  const auto read = load_site_costs(path);
  REQUIRE(read.has_value());
  CHECK(*read == costs);
  CHECK(read->of(schema::SiteClass::kSingleStep) == 27'000);

  std::string text = read_text(path);
  const std::size_t cpu = text.find("\"cpu\": \"");
  text.insert(cpu + 8, "another ");
  std::ofstream(path) << text;
  CHECK(load_site_costs(path).error().code == schema::ErrorCode::kNotFound);
}

TEST_CASE("a damaged file of costs is an error, never a wrong figure") {
  const ScratchDirectory directory;
  const std::string path = directory / "site-costs.json";
  REQUIRE(save_site_costs(path, SiteCosts{}).has_value());
  const std::string whole = read_text(path);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    std::ofstream(path, std::ios::trunc) << whole.substr(0, length);
    const auto costs = load_site_costs(path);
    if (costs) CHECK(costs->uretprobe == SiteCosts{}.uretprobe);  // all but the closing brace
  }
  for (const std::string& broken : {std::string("[]"), std::string("{"), std::string("\0\0\0", 3),
                                    std::string("{\"version\": 2}"), std::string(100'000, ' ')}) {
    std::ofstream(path, std::ios::trunc) << broken;
    CHECK_FALSE(load_site_costs(path).has_value());
  }
  std::string zero = whole;
  zero.replace(zero.find("\"nop5\": ") + 8, 3, "0");
  std::ofstream(path, std::ios::trunc) << zero;
  CHECK(load_site_costs(path).error().code == schema::ErrorCode::kCorrupt);
}

TEST_CASE("where nothing was measured, the reference figures are given as such") {
  const ScratchDirectory directory;
  REQUIRE(::setenv("BACKSIGHT_CACHE_DIR", (directory / "none").c_str(), 1) == 0);
  CHECK(known_site_costs() == SiteCosts{});
  CHECK_FALSE(known_site_costs().measured);
  ::unsetenv("BACKSIGHT_CACHE_DIR");
  CHECK(site_cost_path() == "/var/cache/backsight/site-costs.json");
}

}  // namespace backsight::probes
