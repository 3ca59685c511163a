// What a function's line table and inlined copies say of one line: the marks and
// places that line_flow.h follows. Read once per function.
#pragma once

#include "probes/dwarf_session.h"
#include "probes/line_flow.h"
#include "probes/lines.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace backsight::probes {

// What compilers tell with a line table.
struct LineHabits {
  bool is_gcc = false;      // marks where statements begin, if it marks anything less
  bool copies_code = true;  // unrolls loops, and so on; never where it does not optimise
};
LineHabits line_habits(const DwarfSession& session, DieKey die);

// A line as an index of the table's files: all that match.
struct LineOfFiles {
  std::vector<bool> files;
  std::uint32_t line = 0;
};

class LineMarks {
 public:
  // `session` and `code` must outlive it.
  LineMarks(const DwarfSession& session, const RowsByAddress& rows, DieKey function,
            const FunctionCode& code);

  bool is_by_gcc() const { return habits_.is_gcc; }
  // The copy that has the instruction there; 0: none.
  DieKey copy_at(std::uint64_t address) const;
  // Whether the instruction there is of the row; else the row has no code.
  bool has_code(const LinePlace& place) const;

  // Whether beginnings of statements are marked in a copy, or in the function itself.
  bool has_statements(DieKey scope) const;

  // The line in `scope`: the function, or an inlined copy in it. Each place is at an
  // address of its own. `has_statement`: one of them is marked as a statement's beginning.
  LineCode read(const LineOfFiles& line, DieKey scope, const std::vector<LinePlace>& places,
                bool has_statement) const;

 private:
  struct Copy {
    DieKey die = 0;
    std::size_t parent = 0;
    std::uint32_t call_file = 0;  // as LineRow::file
    std::uint32_t call_line = 0;
    std::uint64_t entry = 0;       // 0: not told
    std::uint64_t entry_view = 0;  // of the rows at that address, the first that is its own
  };
  enum class Belongs : std::uint8_t { kLine, kOther, kNeutral };

  // The lines of a scope, by file.
  struct Extent {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
  };
  using Extents = std::map<std::uint32_t, Extent>;

  std::size_t copy_of(DieKey scope) const;
  Extents extents(std::size_t scope) const;
  void cover();
  void collect_copies(const Die& parent, std::size_t copy, std::uint16_t version, int depth);
  std::size_t node_at(std::uint64_t address) const;
  void paint(const std::vector<AddressRange>& ranges, std::size_t copy);
  std::size_t owner_of_row(std::size_t node, std::size_t row) const;
  Belongs belongs(const LineOfFiles& line, std::size_t scope, const LineRow& row, std::size_t owner) const;
  static bool is_in(const Extents& extents, const LineRow& row);
  void mark(const LineOfFiles& line, std::size_t scope, const Extents& lines, std::size_t node,
            std::optional<std::size_t> place, LineCode& code) const;
  std::vector<Origin> origins(const LineOfFiles& line, std::size_t scope, std::size_t node,
                              std::size_t end) const;

  const DwarfSession& session_;
  LineHabits habits_;
  std::vector<const Instruction*> nodes_;              // by address
  std::vector<LineRow> rows_;                          // those in the function, by address
  std::vector<std::size_t> first_row_;                 // of each node: at its address or later
  std::vector<const LineRow*> covering_;               // of each node; null: none
  std::vector<Copy> copies_;                           // the first is the function
  std::multimap<std::uint64_t, std::size_t> entered_;  // copies by entry
  std::vector<std::size_t> owner_;                     // of each node: the innermost copy
  bool marks_statements_ = false;
};

}  // namespace backsight::probes
