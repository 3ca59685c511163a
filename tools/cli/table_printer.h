// A small table: columns as wide as needed, shrunk where the terminal is
// narrower; one row per line, always.
#pragma once

#include "tools/cli/text.h"

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace backsight::tools {

struct Cell {
  std::string text;
  // Text of at most that many columns; empty: shorten(text).
  std::function<std::string(std::size_t)> fit;
  Style style = Style::kPlain;
};

struct TableColumn {
  std::string header;
  bool right = false;         // numbers
  std::size_t min_width = 0;  // 0: never shrunk; else it may shrink down to this
  std::size_t compact = 0;    // not 0: where room is short, shrunk to this before anything else
};

class Table {
 public:
  explicit Table(std::vector<TableColumn> columns) : columns_(std::move(columns)) {}
  // `note`: lines of their own below the row; empty: none.
  void add_row(std::vector<Cell> cells, std::string note = {}) {
    rows_.push_back(std::move(cells));
    notes_.push_back(std::move(note));
  }
  bool empty() const { return rows_.empty(); }
  // Lines of at most `width` columns unless what never shrinks is wider.
  std::string print(std::size_t width, bool color) const;

 private:
  std::vector<std::size_t> widths(std::size_t width) const;

  std::vector<TableColumn> columns_;
  std::vector<std::vector<Cell>> rows_;
  std::vector<std::string> notes_;
};

}  // namespace backsight::tools
