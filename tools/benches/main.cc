// backsight-bench: figures beside their baselines. tools/bench builds and runs it.
#include "tools/benches/attach_cost.h"
#include "tools/benches/availability.h"
#include "tools/benches/kernel_cost.h"
#include "tools/benches/planning.h"
#include "tools/benches/redis.h"
#include "tools/benches/row.h"
#include "tools/benches/site_choice.h"
#include "tools/benches/sustained.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iostream>
#include <stdexcept>

namespace {

using namespace backsight::tools::benches;

std::vector<Bench> all_benches() {
  return {
      {"kernel", "cost of one hit of the capture program above an empty BPF program", run_kernel_cost},
      {"attach", "attaching and detaching 1,000 probes", run_attach_cost},
      {"planning", "planning in a binary with 300 MB of debug information, cold and cached", run_planning},
      {"availability", "share of parameters available at entry, and the reasons of the others",
       run_availability},
      {"sustained", "100,000 events a second for 20 s through the real collector", run_sustained},
      {"state", "`state --at` on a store of a million events", run_state},
      {"sites", "share of functions probed at a nop5 or an emulated instruction, where they have one",
       run_site_share},
      {"cet", "a hit on a -fcf-protection build beside one at the symbol's address", run_cet_cost},
      {"redis", "throughput of redis SET: bare, with an empty program, with Backsight, with bpftrace",
       run_redis},
  };
}

int run(const std::vector<Bench>& benches, const std::vector<std::string>& names, const std::string& json) {
  const auto is_wanted = [&](const Bench& bench) {
    return names.empty() || std::find(names.begin(), names.end(), bench.name) != names.end();
  };
  for (const auto& name : names)
    if (std::none_of(benches.begin(), benches.end(), [&](const auto& bench) { return bench.name == name; })) {
      std::cerr << "backsight-bench: no bench named " << name << "; --list names them\n";
      return 2;
    }
  Rows rows;
  int status = 0;
  for (const Bench& bench : benches) {
    if (!is_wanted(bench)) continue;
    try {
      bench.run(rows);
    } catch (const std::exception& error) {
      std::cerr << "backsight-bench: " << bench.name << ": " << error.what() << '\n';
      status = 1;
    }
  }
  print_table(std::cout, rows);
  if (!json.empty()) {
    std::ofstream file(json);
    write_json(file, rows);
    if (!file.flush()) {
      std::cerr << "backsight-bench: cannot write " << json << '\n';
      return 1;
    }
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Figures beside their baselines."};
  std::vector<std::string> names;
  std::string json;
  bool list = false;
  app.add_option("NAME", names, "which benches (default: all)");
  app.add_option("--json", json, "also write the rows to this file");
  app.add_flag("--list", list, "name the benches");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const auto benches = all_benches();
  if (!list) return run(benches, names, json);
  for (const Bench& bench : benches) std::cout << bench.name << "\t" << bench.purpose << '\n';
  return 0;
}
