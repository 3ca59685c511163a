#include "tests/runtime/gdb_stacks.h"

#include "tests/runtime/harness.h"

#include <catch2/catch.hpp>

#include <sstream>

namespace backsight::tests {

// "#1  0x0000555555555270 in shop::inner (id=…) at a/b/stacks.cc:20"
std::string gdb_frame(const std::string& line) {
  if (line.empty() || line[0] != '#') return {};
  auto begin = line.find_first_not_of(' ', line.find(' '));
  if (line.compare(begin, 2, "0x") == 0) begin = line.find(" in ", begin) + 4;
  const auto arguments = line.find(" (", begin);
  std::string frame = line.substr(begin, arguments - begin);
  const auto at = line.rfind(" at ");
  if (at == std::string::npos) return frame;
  const auto place = line.substr(at + 4);
  return frame + " " + place.substr(place.rfind('/') + 1);
}

// Libraries are looked for at each stop: a probe on the dynamic linker, which any collector on this
// machine may have, hides from gdb that they were loaded.
std::string gdb_commands(const std::string& function, const std::string& number,
                         const std::string& arguments) {
  return "set debuginfod enabled off\nset pagination off\nset width 0\nset print frame-arguments none\n"
         "set backtrace past-main on\nset backtrace limit 400\nset startup-with-shell on\n"
         "handle SIGUSR1 nostop noprint pass\nset breakpoint pending on\nbreak " +
         function + "\ncommands\nsilent\nsharedlibrary\nprintf \"stack %d\\n\", " + number +
         "\nbt\ncontinue\nend\nrun " + arguments + "\n";
}

std::map<int, std::vector<std::string>> read_gdb_stacks(const std::string& output) {
  std::map<int, std::vector<std::string>> stacks;
  std::istringstream lines(output);
  std::vector<std::string>* stack = nullptr;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("stack ", 0) == 0) {
      stack = &stacks[std::stoi(line.substr(6))];
      stack->clear();
    } else if (const auto frame = gdb_frame(line); stack && !frame.empty()) {
      stack->push_back(frame);
    }
  }
  return stacks;
}

std::map<int, std::vector<std::string>> gdb_stacks(const std::string& program, const std::string& function,
                                                   const std::string& input) {
  TempDir dir;
  write_file(dir.file("input"), input);
  write_file(dir.file("commands"), gdb_commands(function, "id", "< " + dir.file("input") + " > /dev/null"));
  const auto result = run({"/usr/bin/gdb", "-q", "-batch", "-nx", "-x", dir.file("commands"), program});
  INFO(result.err);
  auto stacks = read_gdb_stacks(result.out);
  REQUIRE(!stacks.empty());
  return stacks;
}

}  // namespace backsight::tests
