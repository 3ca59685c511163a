#include "tools/cli/table_printer.h"

#include <algorithm>
#include <numeric>

namespace backsight::tools {
namespace {

constexpr std::size_t kSpace = 2;  // between columns

}  // namespace

std::vector<std::size_t> Table::widths(std::size_t width) const {
  std::vector<std::size_t> widths;
  for (const TableColumn& column : columns_) widths.push_back(display_width(column.header));
  for (const std::vector<Cell>& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i].text));
  }
  const std::size_t spaces = columns_.empty() ? 0 : kSpace * (columns_.size() - 1);
  std::size_t total = std::accumulate(widths.begin(), widths.end(), spaces);
  for (std::size_t i = 0; i < widths.size() && total > width; ++i) {
    const std::size_t compact = std::max(columns_[i].compact, display_width(columns_[i].header));
    if (columns_[i].compact == 0 || widths[i] <= compact) continue;
    total -= widths[i] - compact;
    widths[i] = compact;
  }
  while (total > width) {  // take from the widest that may give
    std::size_t widest = widths.size(), next = 0;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      if (columns_[i].min_width == 0 || widths[i] <= columns_[i].min_width) continue;
      if (widest == widths.size() || widths[i] > widths[widest]) {
        if (widest != widths.size()) next = widths[widest];
        widest = i;
      } else {
        next = std::max(next, widths[i]);
      }
    }
    if (widest == widths.size()) break;
    // Down to the next widest at once, so that huge values cost nothing; then by turns.
    const std::size_t floor = std::max(next, columns_[widest].min_width);
    const std::size_t step = std::max<std::size_t>(1, std::min(total - width, widths[widest] - floor));
    widths[widest] -= step;
    total -= step;
  }
  return widths;
}

std::string Table::print(std::size_t width, bool color) const {
  const std::vector<std::size_t> columns = widths(width);
  std::string out;
  const auto print_row = [&](const std::vector<Cell>& cells) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const Cell& cell = cells[i];
      std::string text = cell.text;
      if (display_width(text) > columns[i]) {
        text = cell.fit ? cell.fit(columns[i]) : shorten(text, columns[i]);
      }
      const std::string padding(columns[i] - std::min(columns[i], display_width(text)), ' ');
      if (i > 0) line += std::string(kSpace, ' ');
      if (columns_[i].right) line += padding;
      line += styled(text, cell.style, color);
      if (!columns_[i].right && i + 1 < cells.size()) line += padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  };
  std::vector<Cell> headers;
  for (const TableColumn& column : columns_) headers.push_back({column.header, {}, Style::kBold});
  print_row(headers);
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    print_row(rows_[i]);
    for (const std::string& line : wrap(notes_[i], width > 24 ? width - 4 : 20)) {
      out += "    " + styled(line, Style::kWarning, color) + '\n';
    }
  }
  return out;
}

}  // namespace backsight::tools
