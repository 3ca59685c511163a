// variants.txt is a matrix: any two settings that can stand together do so in
// some line.
#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

const std::vector<std::string> kCompilers = {"gcc", "clang", "clang-libc++"};
const std::vector<std::string> kOptimisations = {"O0", "O1", "O2", "O3", "Os"};
const std::vector<std::string> kOptions = {"cf", "frame", "pie", "dwarf4", "split", "lto"};

// GCC cannot split what it writes at link time.
bool stand_together(const std::string& a, const std::string& b) {
  return !(a == "split" && b == "lto");
}

// "gcc", "O2", "cf", "no pie", …
std::vector<std::set<std::string>> variants() {
  std::vector<std::set<std::string>> all;
  std::ifstream file(BACKSIGHT_TRUTH_LIST);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string speed, name, word;
    words >> speed >> name;
    if (speed != "fast" && speed != "long") continue;
    std::set<std::string> settings;
    while (words >> word) settings.insert(word);
    for (const auto& option : kOptions) {
      if (!settings.contains(option)) settings.insert("no " + option);
    }
    all.push_back(settings);
  }
  return all;
}

}  // namespace

TEST_CASE("any two settings meet in a variant of the truth test") {
  std::vector<std::vector<std::string>> factors = {kCompilers, kOptimisations};
  for (const auto& option : kOptions) factors.push_back({option, "no " + option});
  const auto all = variants();
  for (std::size_t i = 0; i < factors.size(); ++i) {
    for (std::size_t j = i + 1; j < factors.size(); ++j) {
      for (const auto& a : factors[i]) {
        for (const auto& b : factors[j]) {
          if (!stand_together(a, b)) continue;
          INFO(a << " and " << b << " meet in no line of variants.txt");
          CHECK(std::any_of(all.begin(), all.end(), [&](const auto& settings) {
            return settings.contains(a) && settings.contains(b);
          }));
        }
      }
    }
  }
}
