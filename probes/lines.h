// The line tables of a binary: where the code of a source line begins.
#pragma once

#include "probes/dwarf_session.h"
#include "probes/line_pattern.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace backsight::probes {

struct LineRow {
  std::uint64_t address = 0;
  std::uint32_t file = 0;  // index in LineTable::files
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  bool is_statement = false;  // a statement begins here
  bool ends_sequence = false;
  bool ends_prologue = false;  // the frame is set up (clang says so, GCC does not)

  bool is_same_place(const LineRow& other) const {
    return file == other.file && line == other.line && column == other.column;
  }
};

// Of one unit: rows in the order of the table, addresses rise within a sequence.
struct LineTable {
  DieKey unit = 0;
  std::vector<std::string> files;
  std::vector<LineRow> rows;
};

// Reads tables when they are asked for, and keeps the last one. Not thread-safe.
class LineTables {
 public:
  explicit LineTables(const DwarfSession& session) : session_(session) {}

  // Empty where the unit has none.
  const LineTable& of_unit(DieKey unit) const;
  // Units whose table names a file that matches: cheap, reads headers only.
  std::vector<DieKey> units_with(const LinePattern& pattern) const;

 private:
  std::vector<std::string> files_of(const Die& top) const;
  void correct_files(const Die& top) const;

  const DwarfSession& session_;
  mutable LineTable last_;
  mutable std::optional<SectionBytes> section_;  // .debug_line, once it was needed
};

struct LinePlace {
  std::uint64_t address = 0;
  std::uint32_t file = 0;
  std::uint32_t column = 0;
  std::uint32_t view = 0;  // how many rows of the table stand at the address before it
  // Of a contiguous block of the line's code.
  bool is_first = false;
  bool is_first_statement = false;
  bool is_statement = false;
  bool is_last_there = true;  // no statement of another line stands at the address behind it
};
// All that the table says of the line.
std::vector<LinePlace> line_places(const LineTable& table, const LinePattern& pattern);
// For each file of the table.
std::vector<bool> matching_files(const LineTable& table, const LinePattern& pattern);
// The nearest lines of that file with code, at most one on each side.
std::vector<std::uint32_t> nearest_lines(const LineTable& table, const LinePattern& pattern);

// Rows by address; of one address, the end of a sequence comes before the beginning of the
// next. `table` must stay as it is.
class RowsByAddress {
 public:
  explicit RowsByAddress(const LineTable& table);
  std::vector<LineRow> in(const AddressRange& range) const;

 private:
  const LineTable& table_;
  std::vector<std::uint32_t> order_;
};

// The row of the first statement at `address`; null if there is none.
const LineRow* row_at(const LineTable& table, std::uint64_t address);

// The place in the source that begins at `address` begins at another address of
// `ranges` too: its code was copied, or is run again.
bool is_repeated_place(const LineTable& table, const std::vector<AddressRange>& ranges,
                       std::uint64_t address);

}  // namespace backsight::probes
