#include "tests/house/include_rules.h"

#include <algorithm>
#include <set>
#include <sstream>
#include <string_view>

namespace backsight::tests::house {
namespace {

using Strings = std::vector<std::string>;

struct Include {
  std::string path;
  bool is_quoted = false;
  int line = 0;
};

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

bool ends_with(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

bool is_source(const std::string& path) {
  return ends_with(path, ".h") || ends_with(path, ".cc") || ends_with(path, ".c");
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  return first == std::string_view::npos ? std::string_view{} : text.substr(first);
}

std::vector<Include> includes_of(const std::string& content) {
  std::vector<Include> out;
  std::istringstream lines(content);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    std::string_view rest = trimmed(line);
    if (!starts_with(rest, "#")) continue;
    rest = trimmed(rest.substr(1));
    if (!starts_with(rest, "include")) continue;
    rest = trimmed(rest.substr(7));
    if (rest.empty() || (rest[0] != '"' && rest[0] != '<')) continue;
    const std::size_t close = rest.find(rest[0] == '"' ? '"' : '>', 1);
    if (close == std::string_view::npos) continue;
    out.push_back({std::string(rest.substr(1, close - 1)), rest[0] == '"', number});
  }
  return out;
}

// What a layer may include besides itself.
const std::map<std::string, Strings>& layers() {
  static const std::map<std::string, Strings> table{
      {"schema", {}},
      {"bpf/abi", {}},
      {"bpf", {"bpf/abi"}},
      {"probes", {"schema", "bpf/abi"}},
      {"store", {"schema"}},
      {"collector", {"schema", "bpf/abi", "probes", "store"}},
      {"query", {"schema", "store"}},
      {"tools", {"schema", "bpf", "bpf/abi", "probes", "store", "collector", "query"}},
      {"tests", {"schema", "bpf", "bpf/abi", "probes", "store", "collector", "query", "tools"}},
  };
  return table;
}

// The layer that `path` lies in, or nothing.
std::string layer_of(const std::string& path) {
  if (starts_with(path, "bpf/abi/")) return "bpf/abi";
  const std::string top = path.substr(0, path.find('/'));
  return layers().count(top) != 0 && top != path ? top : "";
}

// Includes that begin with `prefix` stand only in files that begin with one of
// `homes`. The tests of a home may look into its library too.
struct Library {
  const char* prefix;
  Strings homes;
};
const std::vector<Library>& libraries() {
  static const std::vector<Library> table{
      {"libdwarf", {"probes/"}},
      {"dwarf.h", {"probes/"}},
      {"libelf", {"probes/"}},
      {"gelf", {"probes/", "tests/collector/"}},
      {"Zydis/", {"probes/", "tests/collector/"}},
      {"yaml-cpp/", {"probes/config", "probes/site_cost"}},
      {"rocksdb/", {"store/"}},
      {"zstd", {"store/"}},
      {"capnp/", {"schema/"}},
      {"kj/", {"schema/"}},
      {"xxhash", {"schema/"}},
      {"sqlite3", {"query/sql"}},
      {"boost/json", {"query/", "tools/", "tests/runtime/", "tests/truth/"}},
      {"boost/asio", {"collector/", "tools/"}},
      {"boost/beast", {"tools/"}},
      {"boost/url", {"tools/"}},
      {"CLI/", {"tools/"}},
      {"spdlog/", {"tools/"}},
      {"catch2/", {"tests/"}},
      // The loader, the programs that it loads, and the benches' baselines.
      {"bpf/bpf_helpers", {"bpf/", "tools/benches/"}},
      {"bpf/bpf_core_read", {"bpf/", "tools/benches/"}},
      {"bpf/bpf_tracing", {"bpf/", "tools/benches/"}},
      {"bpf/",
       {"collector/libbpf_", "collector/perf_uprobe", "collector/plan_maps", "collector/site_calibration",
        "collector/sleepable_program", "tools/benches/", "tests/runtime/"}},
  };
  return table;
}

std::string at(const std::string& path, const Include& include) {
  return path + ":" + std::to_string(include.line);
}

// Made by the build, so in no checkout.
bool is_generated(const std::string& path) {
  return ends_with(path, ".capnp.h") || ends_with(path, ".skel.h");
}

// A program under test knows nothing of ours.
bool is_target(const std::string& path) {
  return starts_with(path, "tests/targets/") || starts_with(path, "tests/runtime/targets/") ||
         starts_with(path, "tests/truth/program/");
}

bool lives_in(const std::string& path, const std::string& home) {
  return starts_with(path, home) || starts_with(path, "tests/" + home) ||
         // tests/probes/test_config.cc is the test of probes/config.cc
         starts_with(
             path, "tests/" + home.substr(0, home.find('/') + 1) + "test_" + home.substr(home.find('/') + 1));
}

class CycleFinder {
 public:
  explicit CycleFinder(const Tree& tree) : tree_(tree) {}

  Strings run() {
    for (const auto& [path, content] : tree_) {
      if (is_source(path)) visit(path);
    }
    return std::move(found_);
  }

 private:
  void visit(const std::string& path) {
    const auto file = tree_.find(path);
    if (file == tree_.end() || done_.count(path) != 0) return;
    const auto open = std::find(open_.begin(), open_.end(), path);
    if (open != open_.end()) {
      std::string cycle = "include cycle:";
      for (auto step = open; step != open_.end(); ++step) cycle.append(" ").append(*step).append(" ->");
      found_.push_back(cycle + " " + path);
      return;
    }
    open_.push_back(path);
    for (const Include& include : includes_of(file->second)) {
      if (include.is_quoted) visit(include.path);
    }
    open_.pop_back();
    done_.insert(path);
  }

  const Tree& tree_;
  Strings open_;
  std::set<std::string> done_;
  Strings found_;
};

}  // namespace

Strings check_top_level(const Tree& tree) {
  static const std::set<std::string> kAllowed{"CMakeLists.txt", "CMakePresets.json",
                                              "README.md",      "bpf",
                                              "cmake",          "collector",
                                              "docs",           "probes",
                                              "query",          "schema",
                                              "store",          "tests",
                                              "tools"};
  std::set<std::string> seen;
  Strings wrong;
  for (const auto& [path, content] : tree) {
    const std::string top = path.substr(0, path.find('/'));
    if (top.empty() || top[0] == '.' || kAllowed.count(top) != 0 || !seen.insert(top).second) continue;
    wrong.push_back(path + ":1: '" + top + "' is not one of the folders and files of the top level");
  }
  return wrong;
}

Strings check_layers(const Tree& tree) {
  Strings wrong;
  for (const auto& [path, content] : tree) {
    const std::string layer = layer_of(path);
    if (!is_source(path) || layer.empty() || is_target(path)) continue;
    const Strings& may = layers().at(layer);
    for (const Include& include : includes_of(content)) {
      const bool is_ours = tree.count(include.path) != 0 || is_generated(include.path);
      if (include.is_quoted != is_ours) {
        const std::string quoted = '"' + include.path + '"';
        wrong.push_back(at(path, include) + ": " +
                        (is_ours ? "write our own " + quoted + " in quotes"
                                 : quoted + " is no path from the top of the tree"));
        continue;
      }
      const std::string target = layer_of(include.path);
      if (!is_ours || target == layer || std::find(may.begin(), may.end(), target) != may.end()) continue;
      wrong.push_back(at(path, include) + ": " + layer + "/ may not include " + include.path);
    }
  }
  return wrong;
}

Strings check_libraries(const Tree& tree) {
  Strings wrong;
  for (const auto& file : tree) {
    const std::string& path = file.first;
    if (!is_source(path)) continue;
    for (const Include& include : includes_of(file.second)) {
      if (include.is_quoted) continue;
      const auto library = std::find_if(libraries().begin(), libraries().end(), [&](const Library& one) {
        return starts_with(include.path, one.prefix);
      });
      if (library == libraries().end()) continue;
      const auto& homes = library->homes;
      if (std::any_of(homes.begin(), homes.end(),
                      [&](const std::string& home) { return lives_in(path, home); })) {
        continue;
      }
      wrong.push_back(at(path, include) + ": <" + include.path + "> has its home in " + homes.front());
    }
  }
  return wrong;
}

Strings check_cycles(const Tree& tree) {
  return CycleFinder(tree).run();
}

}  // namespace backsight::tests::house
