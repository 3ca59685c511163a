// The tree obeys the architecture; and the checks notice when it does not.
#include "tests/house/include_rules.h"

#include <catch2/catch.hpp>

#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

namespace backsight::tests::house {
namespace {

// Every file that is tracked or could be; tests run in the top of the tree.
Tree tracked_files() {
  const std::unique_ptr<FILE, int (*)(FILE*)> list(
      popen("git -c safe.directory='*' ls-files -z --cached --others --exclude-standard", "r"), pclose);
  REQUIRE(list);
  Tree tree;
  std::string path;
  for (int c = std::fgetc(list.get()); c != EOF; c = std::fgetc(list.get())) {
    if (c != '\0') {
      path += static_cast<char>(c);
      continue;
    }
    std::ifstream file(path, std::ios::binary);
    std::ostringstream content;
    content << file.rdbuf();
    if (file) tree.emplace(path, content.str());
    path.clear();
  }
  return tree;
}

std::string lines(const std::vector<std::string>& violations) {
  std::string out;
  for (const std::string& line : violations) out += line + "\n";
  return out;
}

TEST_CASE("the tree obeys the architecture") {
  const Tree tree = tracked_files();
  if (tree.empty()) {
    WARN("SKIPPED: not a git checkout");
    return;
  }
  CHECK(tree.count("schema/ids.h") == 1);
  CHECK(lines(check_top_level(tree)) == "");
  CHECK(lines(check_layers(tree)) == "");
  CHECK(lines(check_libraries(tree)) == "");
  CHECK(lines(check_cycles(tree)) == "");
}

TEST_CASE("a stranger at the top level is noticed") {
  CHECK(check_top_level({{"README.md", ""}, {".ci/run", ""}, {"store/a.h", ""}}).empty());
  CHECK(check_top_level({{"util/a.h", ""}, {"util/b.h", ""}}).size() == 1);
  CHECK(check_top_level({{"notes.txt", ""}}).size() == 1);
}

TEST_CASE("a forbidden layer is noticed") {
  const auto check = [](const char* from, const char* to) {
    return check_layers({{from, std::string("#include \"") + to + "\"\n"}, {to, ""}});
  };
  CHECK(check("store/a.h", "schema/b.h").empty());
  CHECK(check("collector/a.cc", "bpf/abi/plan.h").empty());
  CHECK(check("tools/cli/a.cc", "query/b.h").empty());
  CHECK(check("bpf/a.bpf.c", "bpf/abi/plan.h").empty());
  CHECK(check("store/a.h", "query/b.h") ==
        std::vector<std::string>{"store/a.h:1: store/ may not include query/b.h"});
  CHECK(check("schema/a.h", "bpf/abi/plan.h").size() == 1);
  CHECK(check("query/a.h", "probes/b.h").size() == 1);
  CHECK(check("collector/a.h", "query/b.h").size() == 1);
  CHECK(check("collector/a.h", "bpf/maps.bpf.h").size() == 1);
  CHECK(check("query/a.cc", "tools/b.h").size() == 1);
  CHECK(check("store/a.h", "tests/b.h").size() == 1);
}

TEST_CASE("however an include is written") {
  const Tree tree{{"query/b.h", ""}, {"store/a.h", "// first\n  #  include \"query/b.h\"  // why\n"}};
  CHECK(check_layers(tree) == std::vector<std::string>{"store/a.h:2: store/ may not include query/b.h"});
  CHECK(check_layers({{"store/a.h", "#include \"b.h\"\n"}, {"store/b.h", ""}}).size() == 1);
  CHECK(check_layers({{"store/a.h", "#include <store/b.h>\n"}, {"store/b.h", ""}}).size() == 1);
  CHECK(check_layers({{"store/a.h", "#include \"schema/recording.capnp.h\"\n"}}).empty());
}

TEST_CASE("a library away from home is noticed") {
  const auto check = [](const char* path, const char* header) {
    return check_libraries({{path, std::string("#include <") + header + ">\n"}});
  };
  CHECK(check("store/rocks.cc", "rocksdb/db.h").empty());
  CHECK(check("tests/store/test_rocks.cc", "rocksdb/db.h").empty());
  CHECK(check("probes/config.cc", "yaml-cpp/yaml.h").empty());
  CHECK(check("tests/probes/test_config.cc", "yaml-cpp/yaml.h").empty());
  CHECK(check("collector/libbpf_kernel.cc", "bpf/libbpf.h").empty());
  CHECK(check("bpf/capture.bpf.c", "bpf/bpf_helpers.h").empty());
  CHECK(check("query/a.cc", "vector").empty());
  CHECK(check("query/a.cc", "rocksdb/db.h") ==
        std::vector<std::string>{"query/a.cc:1: <rocksdb/db.h> has its home in store/"});
  CHECK(check("collector/a.cc", "libdwarf.h").size() == 1);
  CHECK(check("collector/a.cc", "bpf/libbpf.h").size() == 1);
  CHECK(check("probes/planner.cc", "yaml-cpp/yaml.h").size() == 1);
  CHECK(check("query/state.cc", "sqlite3.h").size() == 1);
  CHECK(check("store/a.cc", "capnp/message.h").size() == 1);
}

TEST_CASE("a circle of headers is noticed") {
  CHECK(check_cycles({{"a.h", "#include \"b.h\"\n"}, {"b.h", "#include \"c.h\"\n"}, {"c.h", ""}}).empty());
  CHECK(check_cycles(
            {{"a.h", "#include \"b.h\"\n"}, {"b.h", "#include \"c.h\"\n"}, {"c.h", "#include \"a.h\"\n"}}) ==
        std::vector<std::string>{"include cycle: a.h -> b.h -> c.h -> a.h"});
  CHECK(check_cycles({{"a.h", "#include \"a.h\"\n"}}).size() == 1);
}

}  // namespace
}  // namespace backsight::tests::house
