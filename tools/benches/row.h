// One figure of a bench beside its baseline, as interface.md, 1 has it.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

namespace backsight::tools::benches {

struct Row {
  std::string name;
  double value = 0;
  std::string unit;
  std::string baseline_name;
  double baseline = 0;
  double ratio = 0;  // see each bench's budget text
  std::string budget;
  bool ok = true;
};

// A figure without a baseline.
Row plain_row(std::string name, double value, std::string unit);

// Adds its rows; throws std::runtime_error where it cannot run here.
using Rows = std::vector<Row>;
struct Bench {
  std::string name;
  std::string purpose;
  std::function<void(Rows&)> run;
};

void print_table(std::ostream& out, const Rows& rows);
void write_json(std::ostream& out, const Rows& rows);

}  // namespace backsight::tools::benches
