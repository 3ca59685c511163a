// The layer table of the architecture as a check over #include lines: who may
// include whom, where each third-party library lives, what may stand at the top
// of the tree, and that no headers include one another in a circle. Pure: given
// files, it returns what is wrong with them.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace backsight::tests::house {

// Path from the top of the tree → content.
using Tree = std::map<std::string, std::string>;

// One line per violation, "path:line: what is wrong"; empty: none.
std::vector<std::string> check_top_level(const Tree& tree);
std::vector<std::string> check_layers(const Tree& tree);
std::vector<std::string> check_libraries(const Tree& tree);
std::vector<std::string> check_cycles(const Tree& tree);

}  // namespace backsight::tests::house
