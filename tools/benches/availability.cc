// Plans every function of a binary, a few thousand with each probe: one for each
// beginning of names that has no more. Functions are told apart by address, so that
// one that several patterns match counts once; those that were not planned are told.
#include "tools/benches/availability.h"

#include "probes/debug_file.h"
#include "probes/debug_index.h"
#include "probes/function_symbols.h"
#include "probes/planner.h"
#include "probes/scopes.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <set>
#include <stdexcept>
#include <vector>

namespace backsight::tools::benches {
namespace {
namespace fs = std::filesystem;

constexpr double kWanted = 97;
constexpr std::size_t kMaxPrefix = 200;
constexpr std::size_t kMaxFunctions = 8'000;  // of one probe, below what it may match
// Linkers give functions that they dropped the address 0 or 1.
constexpr std::uint64_t kFirstAddress = 64;
constexpr std::size_t kMaxExamples = 10;

// One out-of-line function of the debug information.
struct Function {
  std::string name;
  std::vector<probes::AddressRange> ranges;
};
using Functions = std::vector<Function>;  // by name

// Whether the code at an address is a function as somebody wrote it, or what compilers
// made of one: a part that was not inlined, a copy that takes fewer parameters.
class Clones {
 public:
  explicit Clones(const std::vector<probes::FunctionSymbol>& symbols) {
    for (const probes::FunctionSymbol& symbol : symbols) {
      for (const char* suffix : {".part.", ".isra.", ".constprop."}) {
        if (symbol.name.find(suffix) != std::string::npos) addresses_.insert(symbol.address);
      }
    }
  }
  bool contains(std::uint64_t address) const { return addresses_.contains(address); }

 private:
  std::set<std::uint64_t> addresses_;
};

struct Count {
  explicit Count(const Clones& those) : clones(those) {}

  const Clones& clones;
  std::set<std::uint64_t> functions;  // by address
  std::set<std::string> refusals;
  double parameters = 0;
  double available = 0;
  double of_clones = 0;  // of the parameters
  double available_of_clones = 0;
  std::map<std::string, double> reasons;

  void add(const probes::PlanResult& result) {
    for (const probes::CompiledPlan& compiled : result.plans) {
      if (!compiled.plan.inlined && functions.insert(compiled.plan.address).second) add(compiled);
    }
    for (const probes::Issue& issue : result.issues) {
      if (issue.message.find("inlined cop") == std::string::npos) refusals.insert(issue.message);
    }
  }

  bool has(const Function& function) const {
    return std::any_of(function.ranges.begin(), function.ranges.end(),
                       [this](const auto& range) { return functions.contains(range.begin); });
  }

 private:
  void add(const probes::CompiledPlan& compiled) {
    const double in_clone = clones.contains(compiled.plan.address) ? 1 : 0;
    for (const schema::Capture& capture : compiled.plan.captures) {
      if (capture.at_return) continue;
      ++parameters;
      of_clones += in_clone;
      if (capture.unavailable == schema::Unavailable::kNone) {
        ++available;
        available_of_clones += in_clone;
      } else {
        ++reasons[schema::to_string(capture.unavailable)];
      }
    }
  }
};

struct Code {
  Functions functions;
  std::vector<probes::FunctionSymbol> symbols;
};

Code read_code(const std::string& path) {
  auto elf = probes::ElfFile::open(path);
  if (!elf) throw std::runtime_error(elf.error().to_string());
  const auto file = std::make_shared<const probes::ElfFile>(std::move(*elf));
  const auto debug = probes::find_debug_file(file, path, {"/usr/lib/debug"});
  if (!debug.file) throw std::runtime_error(path + " has no debug information");
  const auto session = probes::DwarfSession::open(debug.file, {{}, {"/usr/lib/debug"}, path});
  if (!session) throw std::runtime_error(session.error().to_string());
  const probes::DebugIndex index(**session);
  Functions functions;
  const auto add = [&](const std::string& name, probes::DieKey key) {
    auto ranges = (*session)->ranges((*session)->die(key));
    std::erase_if(ranges, [&](const auto& range) {
      return range.begin < kFirstAddress || !file->is_code(range.begin);
    });
    if (!ranges.empty()) functions.push_back({name, std::move(ranges)});
  };
  for (const probes::FunctionEntry& entry : index.functions()) {
    for (const probes::DieKey key : entry.concrete) add(index.qualified(entry), key);
  }
  // Functions of classes inside of functions are known by their symbols alone.
  const probes::FunctionSymbols symbols(debug.file->function_symbols());
  for (const probes::FunctionSymbol& symbol : symbols.all()) {
    if (symbol.name.rfind("_ZZ", 0) != 0) continue;
    if (const probes::DieKey key = probes::find_function_at(**session, symbol.address))
      add(probes::parse_symbol(symbol.name).qualified, key);
  }
  std::sort(functions.begin(), functions.end(),
            [](const Function& a, const Function& b) { return a.name < b.name; });
  return {std::move(functions), symbols.all()};
}

// A pattern for the name: what patterns have a meaning for stands for any letter.
std::string to_pattern(std::string name) {
  for (char& c : name) {
    if (std::string_view("*?[]()\\ ").find(c) != std::string_view::npos) c = '?';
  }
  return name;
}

void count(const probes::Binary& binary, const std::string& pattern, Count& counted) {
  probes::ProbeConfig probe;
  probe.function = pattern;
  probe.on_return = false;
  probe.limits.depth = 1;  // what is behind pointers is the same at entry
  counted.add(binary.plan(probe));
}

// Counts functions[begin, end), which share their first `length` letters: as many
// probes as it takes, for one may match so many functions only.
void count_all(const probes::Binary& binary, const Functions& functions, std::size_t begin, std::size_t end,
               std::size_t length, Count& counted) {
  const std::string prefix = to_pattern(functions[begin].name.substr(0, length));
  if (end - begin <= kMaxFunctions || length >= kMaxPrefix) return count(binary, prefix + "*", counted);
  const auto letter = [&](std::size_t i) {
    return length < functions[i].name.size() ? functions[i].name[length] : '\0';
  };
  for (std::size_t i = begin; i < end;) {
    std::size_t next = i;
    while (next < end && letter(next) == letter(i)) ++next;
    if (letter(i) != '\0') {
      count_all(binary, functions, i, next, length + 1, counted);
    } else {
      count(binary, prefix, counted);
    }
    i = next;
  }
}

Row row(const std::string& name, double value, const char* unit) {
  return plain_row("availability." + name, value, unit);
}

// Says which functions were not planned, and how many.
double tell_left_out(const std::string& binary, const Functions& functions, const Count& counted) {
  std::set<std::uint64_t> addresses;
  std::vector<std::string> examples;
  for (const Function& function : functions) {
    if (counted.has(function) || !addresses.insert(function.ranges.front().begin).second) continue;
    if (examples.size() < kMaxExamples) examples.push_back(function.name);
  }
  if (!addresses.empty()) {
    std::cerr << binary << ": " << addresses.size() << " functions were not planned, such as\n";
    for (const std::string& name : examples) std::cerr << "  " << name << '\n';
    std::size_t shown = 0;
    for (const std::string& refusal : counted.refusals) {
      if (shown++ < kMaxExamples) std::cerr << "  " << refusal << '\n';
    }
  }
  return static_cast<double>(addresses.size());
}

void add_binary(Rows& rows, const std::string& name, const std::string& path) {
  const auto binary = probes::Binary::open({path, path}, {});
  if (!binary) throw std::runtime_error(binary.error().to_string());
  const Code code = read_code(path);
  const Functions& functions = code.functions;
  const Clones clones(code.symbols);
  Count counted(clones);
  if (!functions.empty()) count_all(**binary, functions, 0, functions.size(), 0, counted);
  if (counted.parameters == 0) {
    throw std::runtime_error(path + " has no parameters: is its debug information there?");
  }
  Row share = row(name, 100 * counted.available / counted.parameters, "%");
  share.budget = ">= 97 %";
  share.ok = share.value >= kWanted;
  rows.push_back(share);
  rows.push_back(row(name + ".functions", static_cast<double>(counted.functions.size()), "functions"));
  rows.push_back(row(name + ".left_out", tell_left_out(name, functions, counted), "functions"));
  rows.push_back(row(name + ".parameters", counted.parameters, "parameters"));
  // What a clone does not take was not passed by anyone.
  const double whole = counted.parameters - counted.of_clones;
  const double available_of_whole = counted.available - counted.available_of_clones;
  rows.push_back(row(name + ".in_clones", counted.of_clones, "parameters"));
  rows.push_back(row(name + ".without_clones", whole > 0 ? 100 * available_of_whole / whole : 0, "%"));
  for (const auto& [reason, number] : counted.reasons) {
    rows.push_back(row(name + "." + reason, 100 * number / counted.parameters, "%"));
  }
}

}  // namespace

void run_availability(Rows& rows) {
  const char* redis = std::getenv("BACKSIGHT_REDIS");
  const fs::path server = fs::path(redis ? redis : "") / "ready" / "redis-server";
  if (!redis || !fs::exists(server))
    throw std::runtime_error("$BACKSIGHT_REDIS has no redis-server; tools/bench builds it");
  const char* own = std::getenv("BACKSIGHT_DEBUGINFO");
  if (!own || !fs::exists(own))
    throw std::runtime_error("$BACKSIGHT_DEBUGINFO is no backsightd; tools/bench builds it");
  add_binary(rows, "redis-server", server);
  for (const char* python : {"/usr/bin/python3.11"}) {
    if (!fs::exists(python)) throw std::runtime_error("install python3.11 and python3.11-dbg");
    add_binary(rows, "python3.11", python);
  }
  add_binary(rows, "backsightd", own);
}

}  // namespace backsight::tools::benches
