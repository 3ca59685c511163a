// gdb as the witness of stacks.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace backsight::tests {

// Runs `program` under gdb with `input`, stops each time at `function`, which has a parameter `id`, and
// reads the backtrace as calls show it: "shop::reserve checkout.cc:120", or the name alone where gdb knows
// no line. By `id`; of the same `id` the last.
std::map<int, std::vector<std::string>> gdb_stacks(const std::string& program, const std::string& function,
                                                   const std::string& input);
// The commands for gdb that print "stack N" and the backtrace each time at `function`; `number` is a
// format's argument. The program is run with `arguments`.
std::string gdb_commands(const std::string& function, const std::string& number,
                         const std::string& arguments);
// What they print.
std::map<int, std::vector<std::string>> read_gdb_stacks(const std::string& output);
// One frame of gdb's `bt`; empty: not a frame.
std::string gdb_frame(const std::string& line);

}  // namespace backsight::tests
