// The truth test: every value that is captured from the generated program, in
// every way in which it was built, equals what the program itself wrote down, or
// is unavailable for a reason that is allowed there.
//
// BACKSIGHT_TRUTH_VARIANTS: names of variants.txt, with commas. BACKSIGHT_TRUTH_REPORT:
// a file for all wrong values; otherwise the first ones are shown.
// BACKSIGHT_TRUTH_VALUES: another seed of the values.
#include "tests/runtime/harness.h"
#include "tests/truth/compare.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <sstream>

using namespace backsight::tests;
namespace json = boost::json;

namespace {

constexpr const char* kSeed = "20261122";  // of the values
constexpr std::size_t kRounds = 6;
// Of the values that neither a limit nor a gap cuts off, so many must be shown.
// Optimised code of clang: what the caller put on the stack is described by where
// RSP will be, and not followed yet. Link-time optimisation takes away results.
constexpr double kFloor = 0.97, kClangFloor = 0.85, kLimitedFloor = 0.70, kLinkTimeFloor = 0.50;

std::string from_environment(const char* variable) {
  const char* value = std::getenv(variable);
  INFO("run through ctest, which sets " << variable);
  REQUIRE(value != nullptr);
  return value;
}

struct Variant {
  std::string name, compiler, optimisation;
  std::string program;
  bool is_limited = false, is_link_time = false;

  double floor() const {
    if (is_limited) return kLimitedFloor;
    if (is_link_time) return kLinkTimeFloor;
    return compiler == "gcc" ? kFloor : kClangFloor;
  }
};

std::vector<Variant> chosen_variants() {
  const std::string wanted = "," + from_environment("BACKSIGHT_TRUTH_VARIANTS") + ",";
  std::vector<Variant> variants;
  std::istringstream lines(read_file(from_environment("BACKSIGHT_TRUTH_LIST")));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string speed;
    Variant variant;
    words >> speed >> variant.name >> variant.compiler >> variant.optimisation;
    for (std::string option; words >> option;) {
      variant.is_limited |= option == "limited";
      variant.is_link_time |= option == "lto";
    }
    if (speed != "fast" && speed != "long") continue;
    variant.program = from_environment("BACKSIGHT_TRUTH_DIR") + "/" + variant.name;
    if (wanted.find("," + variant.name + ",") != std::string::npos) variants.push_back(variant);
  }
  REQUIRE(!variants.empty());
  return variants;
}

// GCC's debug information writes template arguments otherwise than symbols do.
std::string plain_name(std::string name) {
  for (const std::string word : {"short int", "long int"}) {
    if (const auto at = name.find(word); at != std::string::npos) name.erase(at + word.size() - 4, 4);
  }
  return name;
}

// A program's account of itself.
struct Account {
  std::map<std::string, Passing> signatures;
  std::map<std::string, std::vector<json::object>> calls;
  std::size_t ready = 0;
};

Account read_account(const std::string& output) {
  Account account;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    if (line == "ready") ++account.ready;
    if (line.empty() || line[0] != '{') continue;
    auto row = json::parse(line).as_object();
    if (const auto* signature = row.if_contains("signature")) {
      Passing& passing = account.signatures[std::string(signature->as_string())];
      for (const auto& [name, how] : row.at("passing").as_object()) passing[name] = how.as_string();
      passing["return"] = row.at("return").as_string();
    } else {
      account.calls[std::string(row.at("function").as_string())].push_back(std::move(row));
    }
  }
  for (auto& [function, rows] : account.calls) {  // written when they end: by entry
    std::stable_sort(rows.begin(), rows.end(), [](const json::object& a, const json::object& b) {
      return a.at("n").to_number<std::uint64_t>() < b.at("n").to_number<std::uint64_t>();
    });
  }
  return account;
}

std::size_t count_ready(const std::string& output) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = output.find("\nready\n", at)) != std::string::npos; ++at) ++count;
  return count;
}

struct Limits {
  std::size_t depth, elements, string_bytes, bytes;
};
constexpr Limits kGenerous{8, 64, 512, 24576};
constexpr Limits kSmall{2, 3, 8, 1024};

std::string services(const Variant& variant, const Limits& limits) {
  std::ostringstream text;
  std::ostringstream limits_text;
  limits_text << "        limits: { depth: " << limits.depth << ", elements: " << limits.elements
              << ", string: " << limits.string_bytes << ", bytes: " << limits.bytes << " }\n";
  text << "  - name: truth\n    match: { exe: \"" << variant.program << "\" }\n    probes:\n"
       << "      - function: \"truth::*\"\n"
       << limits_text.str()
       << "      - function: truth_flexible\n        capture: [\"packet->length\", "
          "{bytes: \"packet->data[0..packet->length]\"}, salt, ret]\n"
       << limits_text.str();
  return text.str();
}

// Functions of the account that have no active probe, with the reason.
std::map<std::string, std::string> not_active(const std::string& store, const Account& account) {
  std::map<std::string, std::string> missing;
  for (const auto& [function, passing] : account.signatures) missing[function] = "no such probe";
  const auto result = run({program("backsight"), "probes", "--store", store, "--format", "json"});
  if (result.code != 0) return missing;
  const auto answer = json::parse(result.out);
  for (const auto& row : answer.at("probes").as_array()) {
    if (!row.at("function").is_string()) continue;
    const auto found = missing.find(plain_name(std::string(row.at("function").as_string())));
    if (found == missing.end()) continue;
    if (row.at("state") == "active") {
      missing.erase(found);
    } else {
      found->second =
          std::string(row.at("state").as_string()) + ": " + std::string(row.at("message").as_string());
    }
  }
  return missing;
}

// Functions that were optimised away as a whole, and calls with them.
void forget_removed(const Variant& variant, Account& account) {
  const std::string symbols = run({"/usr/bin/nm", "-C", variant.program}).out;
  for (auto it = account.signatures.begin(); it != account.signatures.end();) {
    const bool is_there = symbols.find(" " + it->first + "(") != std::string::npos ||
                          symbols.find(" " + it->first + "\n") != std::string::npos ||
                          it->first.find('<') != std::string::npos;
    if (!is_there) account.calls.erase(it->first);
    it = is_there ? std::next(it) : account.signatures.erase(it);
  }
}

// Runs a variant under the probes and compares all its calls.
Tally run_variant(const Variant& variant, const Limits& limits) {
  TempDir dir;
  Account account;
  std::map<std::string, std::string> missing;
  std::string store;
  {
    Daemon daemon(dir, services(variant, limits));
    const char* seed = std::getenv("BACKSIGHT_TRUTH_VALUES");
    Child process({variant.program, seed != nullptr ? seed : kSeed}, dir.file("account"));
    REQUIRE(eventually([&] { return process.output().ends_with("\nready\n"); }));
    account = read_account(process.output());
    if (variant.is_link_time) forget_removed(variant, account);
    store = daemon.store();
    eventually([&] { return (missing = not_active(store, account)).empty(); }, std::chrono::seconds(15));
    for (std::size_t round = 1; round <= kRounds; ++round) {
      process.say("\n");
      REQUIRE(eventually([&] { return count_ready(process.output()) > round; }));
    }
    account = read_account(process.output());
    if (variant.is_link_time) forget_removed(variant, account);
    process.signal(SIGTERM);
    process.wait();
    REQUIRE(daemon.stop() == 0);
  }
  Tally tally;
  for (const auto& [function, why] : missing) tally.wrong.push_back(function + ": not probed: " + why);
  std::map<std::string, std::vector<json::object>> recorded;
  for (auto& row : calls(store, "truth*", {"--limit", "1000000"})) {
    recorded[plain_name(std::string(row.at("function").as_string()))].push_back(std::move(row.as_object()));
  }
  const bool optimised = variant.optimisation != "O0";
  const Conditions conditions{
      .optimised = optimised,
      .may_tail_call = optimised && (variant.compiler != "gcc" || variant.optimisation != "O1"),
      .by_clang = variant.compiler != "gcc",
      .link_time = variant.is_link_time,
      .limited = variant.is_limited,
      .depth = limits.depth,
      .elements = limits.elements,
      .string_bytes = limits.string_bytes,
      .bytes = limits.bytes};
  Comparison comparison(conditions, tally);
  for (const auto& [function, expected] : account.calls) {
    const auto& got = recorded[function];
    if (got.empty() && variant.is_link_time) continue;  // calls without effect are removed
    if (got.size() != expected.size() && !missing.contains(function)) {
      tally.wrong.push_back(function + ": called " + std::to_string(expected.size()) + " times, recorded " +
                            std::to_string(got.size()));
    }
    for (std::size_t i = 0; i < std::min(got.size(), expected.size()); ++i) {
      comparison.call(expected[i], got[i], account.signatures.at(function));
    }
  }
  return tally;
}

void print_row(const std::string& name, const Tally& tally) {
  std::cout << std::left << std::setw(22) << name << std::right << std::setw(7) << tally.calls << std::setw(9)
            << tally.compared << std::setw(9) << tally.equal << std::setw(8) << std::fixed
            << std::setprecision(2) << 100 * tally.available_share() << "%" << std::setw(7)
            << tally.returns_unseen << std::setw(7) << tally.wrong.size() << " ";
  for (const auto& [reason, count] : tally.unavailable) std::cout << " " << reason << " " << count;
  std::cout << std::endl;
  for (const auto& [gap, count] : tally.gaps) std::cout << "  gap: " << gap << ": " << count << std::endl;
}

void print_head() {
  std::cout << std::left << std::setw(22) << "variant" << std::right << std::setw(7) << "calls"
            << std::setw(9) << "compared" << std::setw(9) << "equal" << std::setw(9) << "shown"
            << std::setw(7) << "tail" << std::setw(7) << "wrong"
            << "  unavailable\n";
}

void report(const std::string& name, const Tally& tally) {
  const char* file = std::getenv("BACKSIGHT_TRUTH_REPORT");
  std::ofstream out(file == nullptr ? "/dev/null" : file, std::ios::app);
  std::size_t shown = 0;
  for (const auto& line : tally.wrong) {
    out << name << " " << line << "\n";
    if (++shown <= 20) UNSCOPED_INFO(name << " " << line);
  }
  for (const auto& [place, count] : tally.unsupported) {
    out << name << " UNSUPPORTED " << place << " " << count << "\n";
    UNSCOPED_INFO(name << " unsupported_type: " << place);
  }
  for (const auto& [place, count] : tally.places)
    out << name << " UNAVAILABLE " << place << " " << count << "\n";
}

}  // namespace

TEST_CASE("every captured value is the program's own, or named unavailable [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  print_head();
  Tally all;
  for (const auto& variant : chosen_variants()) {
    const Tally tally = run_variant(variant, kGenerous);
    print_row(variant.name, tally);
    all.add(tally);
    report(variant.name, tally);
    CHECK(tally.wrong.empty());
    CHECK(tally.unsupported.empty());
    CHECK(tally.available_share() >= variant.floor());
  }
  print_row("all", all);
}

TEST_CASE("small limits leave beginnings, and name the rest [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  print_head();
  const auto variant = chosen_variants().front();
  const Tally tally = run_variant(variant, kSmall);
  print_row(variant.name + " small", tally);
  report(variant.name + " small", tally);
  CHECK(tally.wrong.empty());
}
