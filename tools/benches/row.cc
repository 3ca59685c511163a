#include "tools/benches/row.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cstdio>
#include <utility>

namespace backsight::tools::benches {
namespace {

std::string number(double value) {
  std::array<char, 64> text{};
  const char* format = value != 0 && std::abs(value) < 10 ? "%.2f" : "%.1f";
  std::snprintf(text.data(), text.size(), format, value);
  return text.data();
}

constexpr std::size_t kColumns = 7;
using Line = std::array<std::string, kColumns>;

Line to_line(const Row& row) {
  return {row.name,
          number(row.value) + " " + row.unit,
          row.baseline_name,
          row.baseline_name.empty() ? "" : number(row.baseline) + " " + row.unit,
          row.ratio == 0 ? "" : number(row.ratio),
          row.budget,
          row.budget.empty() ? ""
          : row.ok           ? "ok"
                             : "OVER"};
}

}  // namespace

Row plain_row(std::string name, double value, std::string unit) {
  Row row;
  row.name = std::move(name);
  row.value = value;
  row.unit = std::move(unit);
  return row;
}

void print_table(std::ostream& out, const Rows& rows) {
  std::vector<Line> lines = {{"bench", "value", "baseline", "", "ratio", "budget", ""}};
  for (const Row& row : rows) lines.push_back(to_line(row));
  std::array<std::size_t, kColumns> widths{};
  for (const Line& line : lines)
    for (std::size_t i = 0; i < kColumns; i++) widths[i] = std::max(widths[i], line[i].size());
  for (const Line& line : lines) {
    std::string text;
    for (std::size_t i = 0; i < kColumns; i++) {
      const std::string space(widths[i] - line[i].size(), ' ');
      const bool is_number = i == 1 || i == 3 || i == 4;
      text += (is_number ? space + line[i] : line[i] + space) + "  ";
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out << text << '\n';
  }
}

void write_json(std::ostream& out, const Rows& rows) {
  boost::json::array array;
  for (const Row& row : rows)
    array.push_back({{"name", row.name},
                     {"value", row.value},
                     {"unit", row.unit},
                     {"baseline_name", row.baseline_name},
                     {"baseline", row.baseline},
                     {"ratio", row.ratio},
                     {"budget", row.budget},
                     {"ok", row.ok}});
  out << boost::json::serialize(array) << '\n';
}

}  // namespace backsight::tools::benches
