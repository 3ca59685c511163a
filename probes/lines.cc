#include "probes/lines.h"

#include "probes/line_program.h"

#include <algorithm>
#include <numeric>

namespace backsight::probes {

namespace {

constexpr Dwarf_Signed kMaxRows = 1 << 24;
constexpr Dwarf_Signed kMaxFiles = 1 << 18;

// Owns libdwarf's decoded table.
class Context {
 public:
  explicit Context(const Die& top) {
    Dwarf_Unsigned version = 0;
    Dwarf_Small tables = 0;
    Dwarf_Error error = nullptr;
    if (dwarf_srclines_b(top.handle(), &version, &tables, &context_, &error) != DW_DLV_OK) {
      if (error) dwarf_dealloc_error(nullptr, error);
      context_ = nullptr;
    }
    version_ = version;
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() {
    if (context_) dwarf_srclines_dealloc_b(context_);
  }
  Dwarf_Line_Context handle() const { return context_; }
  Dwarf_Unsigned version() const { return version_; }

 private:
  Dwarf_Line_Context context_ = nullptr;
  Dwarf_Unsigned version_ = 0;
};

bool ok(int result, Dwarf_Error& error) {
  if (result == DW_DLV_OK) return true;
  if (error) dwarf_dealloc_error(nullptr, error);
  error = nullptr;
  return false;
}

std::optional<LineRow> row_of(Dwarf_Line line, Dwarf_Unsigned version) {
  Dwarf_Error error = nullptr;
  Dwarf_Addr address = 0;
  Dwarf_Unsigned number = 0;
  Dwarf_Unsigned file = 0;
  Dwarf_Unsigned column = 0;
  Dwarf_Bool is_statement = 0;
  Dwarf_Bool ends = 0;
  Dwarf_Bool ends_prologue = 0;
  Dwarf_Bool ends_body = 0;
  Dwarf_Unsigned isa = 0;
  Dwarf_Unsigned discriminator = 0;
  if (!ok(dwarf_lineaddr(line, &address, &error), error) || !ok(dwarf_lineno(line, &number, &error), error) ||
      !ok(dwarf_line_srcfileno(line, &file, &error), error) ||
      !ok(dwarf_lineoff_b(line, &column, &error), error) ||
      !ok(dwarf_linebeginstatement(line, &is_statement, &error), error) ||
      !ok(dwarf_lineendsequence(line, &ends, &error), error) ||
      !ok(dwarf_prologue_end_etc(line, &ends_prologue, &ends_body, &isa, &discriminator, &error), error)) {
    return std::nullopt;
  }
  // Numbered from 1 up to DWARF 4, from 0 in DWARF 5.
  if (version < 5) file = file == 0 ? ~0u : file - 1;
  return LineRow{address,
                 static_cast<std::uint32_t>(file),
                 static_cast<std::uint32_t>(number),
                 static_cast<std::uint32_t>(column),
                 is_statement != 0,
                 ends != 0,
                 ends_prologue != 0};
}

}  // namespace

std::vector<std::string> LineTables::files_of(const Die& top) const {
  char** files = nullptr;
  Dwarf_Signed count = 0;
  Dwarf_Error error = nullptr;
  std::vector<std::string> result;
  if (!ok(dwarf_srcfiles(top.handle(), &files, &count, &error), error)) return result;
  for (Dwarf_Signed i = 0; i < count; ++i) {
    if (i < kMaxFiles) result.emplace_back(files[i]);
    dwarf_dealloc(session_.handle(), files[i], DW_DLA_STRING);
  }
  dwarf_dealloc(session_.handle(), files, DW_DLA_LIST);
  return result;
}

const LineTable& LineTables::of_unit(DieKey unit) const {
  if (last_.unit == unit && unit != 0) return last_;
  last_ = {unit, {}, {}};
  const Die top = session_.line_unit(unit);
  if (!top) return last_;
  last_.files = files_of(top);
  const Context context(top);
  Dwarf_Line* lines = nullptr;
  Dwarf_Signed count = 0;
  Dwarf_Error error = nullptr;
  if (!context.handle() ||
      !ok(dwarf_srclines_from_linecontext(context.handle(), &lines, &count, &error), error)) {
    return last_;
  }
  last_.rows.reserve(static_cast<std::size_t>(std::min(count, kMaxRows)));
  for (Dwarf_Signed i = 0; i < count && i < kMaxRows; ++i) {
    if (const auto row = row_of(lines[i], context.version())) last_.rows.push_back(*row);
  }
  if (context.version() >= 5) correct_files(top);
  return last_;
}

// Where nobody can tell file 1 from what libdwarf takes for it, rows have none, unless both are
// one file, as GCC has it (but not after link-time optimisation).
void LineTables::correct_files(const Die& top) const {
  if (last_.files.size() < 2 || last_.files[0] == last_.files[1]) return;
  if (!section_) {
    section_.emplace();
    const Section* section = session_.file().section(".debug_line");
    if (auto read =
            section ? session_.file().section_bytes(*section) : schema::Result<SectionBytes>(SectionBytes()))
      section_ = *read;
  }
  std::vector<bool> is_first;
  const DieAttribute list(top, DW_AT_stmt_list);
  Dwarf_Off offset = 0;
  Dwarf_Error error = nullptr;
  if (file_of(top.key()) == 0 && list && ok(dwarf_global_formref(list.handle(), &offset, &error), error))
    is_first = rows_of_first_file(section_->bytes, offset, last_.rows.size() + 1);
  const bool is_known = is_first.size() == last_.rows.size();
  for (std::size_t i = 0; i < last_.rows.size(); ++i) {
    std::uint32_t& file = last_.rows[i].file;
    if (file == 0 && (!is_known || is_first[i])) file = is_known ? 1 : ~0u;
  }
}

std::vector<DieKey> LineTables::units_with(const LinePattern& pattern) const {
  std::vector<DieKey> units;
  for (const Unit& unit : session_.units()) {
    const Die top = session_.line_unit(unit.die);
    if (!top || !top.has(DW_AT_stmt_list) || top.tag() == DW_TAG_type_unit) continue;
    const std::vector<std::string> files = files_of(top);
    if (std::any_of(files.begin(), files.end(),
                    [&](const std::string& file) { return pattern.matches_file(file); })) {
      units.push_back(unit.die);
    }
  }
  return units;
}

std::vector<bool> matching_files(const LineTable& table, const LinePattern& pattern) {
  std::vector<bool> matches(table.files.size());
  for (std::size_t i = 0; i < matches.size(); ++i) matches[i] = pattern.matches_file(table.files[i]);
  return matches;
}

std::vector<LinePlace> line_places(const LineTable& table, const LinePattern& pattern) {
  const std::vector<bool> files = matching_files(table, pattern);
  std::vector<LinePlace> places;
  bool is_inside = false;
  bool has_statement = false;
  std::uint32_t view = 0;
  const LineRow* previous = nullptr;
  for (const LineRow& row : table.rows) {
    view = previous && previous->address == row.address && !previous->ends_sequence ? view + 1 : 0;
    previous = &row;
    for (auto place = places.rbegin(); place != places.rend() && place->address == row.address; ++place)
      place->is_last_there =
          place->is_last_there && (row.ends_sequence || !row.is_statement || row.line == pattern.line);
    if (row.line == 0 && !row.ends_sequence) continue;  // of what came before
    const bool was_inside = is_inside;
    is_inside = !row.ends_sequence && row.line == pattern.line && row.file < files.size() && files[row.file];
    has_statement = has_statement && was_inside;
    if (!is_inside) continue;
    const bool is_first_statement = row.is_statement && !has_statement;
    has_statement = has_statement || row.is_statement;
    places.push_back(
        {row.address, row.file, row.column, view, !was_inside, is_first_statement, row.is_statement});
  }
  return places;
}

std::vector<std::uint32_t> nearest_lines(const LineTable& table, const LinePattern& pattern) {
  const std::vector<bool> files = matching_files(table, pattern);
  std::uint32_t before = 0;
  std::uint32_t after = ~0u;
  for (const LineRow& row : table.rows) {
    if (row.ends_sequence || !row.is_statement || row.line == 0 || row.file >= files.size() ||
        !files[row.file]) {
      continue;
    }
    if (row.line < pattern.line) before = std::max(before, row.line);
    if (row.line > pattern.line) after = std::min(after, row.line);
  }
  std::vector<std::uint32_t> lines;
  if (before != 0) lines.push_back(before);
  if (after != ~0u) lines.push_back(after);
  return lines;
}

RowsByAddress::RowsByAddress(const LineTable& table) : table_(table), order_(table.rows.size()) {
  std::iota(order_.begin(), order_.end(), 0u);
  std::stable_sort(order_.begin(), order_.end(), [&](std::uint32_t a, std::uint32_t b) {
    const LineRow& one = table_.rows[a];
    const LineRow& other = table_.rows[b];
    return one.address != other.address ? one.address < other.address
                                        : one.ends_sequence > other.ends_sequence;
  });
}

std::vector<LineRow> RowsByAddress::in(const AddressRange& range) const {
  std::vector<LineRow> rows;
  auto at = std::lower_bound(
      order_.begin(), order_.end(), range.begin,
      [&](std::uint32_t index, std::uint64_t address) { return table_.rows[index].address < address; });
  for (; at != order_.end() && table_.rows[*at].address < range.end; ++at) rows.push_back(table_.rows[*at]);
  return rows;
}

const LineRow* row_at(const LineTable& table, std::uint64_t address) {
  const LineRow* found = nullptr;
  for (const LineRow& row : table.rows) {
    if (row.address == address && !row.ends_sequence &&
        (!found || (row.is_statement && !found->is_statement)))
      found = &row;
  }
  return found;
}

bool is_repeated_place(const LineTable& table, const std::vector<AddressRange>& ranges,
                       std::uint64_t address) {
  const LineRow* place = row_at(table, address);
  if (!place) return false;
  const LineRow* previous = nullptr;
  for (const LineRow& row : table.rows) {
    const bool is_again = row.is_statement && row.address != address && !row.ends_sequence &&
                          row.is_same_place(*place) && !(previous && previous->is_same_place(*place));
    previous = &row;
    if (!is_again) continue;
    for (const AddressRange& range : ranges) {
      if (range.contains(row.address)) return true;
    }
  }
  return false;
}

}  // namespace backsight::probes
