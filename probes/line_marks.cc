#include "probes/line_marks.h"

#include "probes/language.h"

#include <algorithm>
#include <string_view>

namespace backsight::probes {

namespace {

constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxCopies = 65'536;
constexpr std::size_t kNotFound = ~std::size_t{0};

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  return (hash ^ value) * 0x9e3779b97f4a7c15 + (hash >> 29);
}

bool is_of(const LineOfFiles& line, std::uint32_t file, std::uint32_t number) {
  return number == line.line && file < line.files.size() && line.files[file];
}

}  // namespace

LineHabits line_habits(const DwarfSession& session, DieKey die) {
  const Unit* unit = session.unit_of(die);
  const Die top = unit ? session.die(unit->die) : Die();
  const char* producer = top ? top.text(DW_AT_producer) : nullptr;
  const std::string_view options = producer ? producer : "";
  LineHabits habits;
  habits.is_gcc = options.starts_with("GNU ");
  habits.copies_code = !habits.is_gcc || gcc_optimises(options);  // others may always have optimised
  return habits;
}

LineMarks::LineMarks(const DwarfSession& session, const RowsByAddress& rows, DieKey function,
                     const FunctionCode& code)
    : session_(session), habits_(line_habits(session, function)) {
  for (const Instruction& instruction : code.instructions) nodes_.push_back(&instruction);
  std::sort(nodes_.begin(), nodes_.end(),
            [](const Instruction* a, const Instruction* b) { return a->address < b->address; });
  std::vector<AddressRange> ranges = code.ranges;
  std::sort(ranges.begin(), ranges.end(),
            [](const AddressRange& a, const AddressRange& b) { return a.begin < b.begin; });
  for (const AddressRange& range : ranges) {
    const std::vector<LineRow> more = rows.in(range);
    rows_.insert(rows_.end(), more.begin(), more.end());
  }
  cover();
  copies_.push_back({function, 0, 0, 0, 0, 0});
  owner_.resize(nodes_.size());
  const Unit* unit = session.unit_of(function);
  if (const Die die = session.die(function); die && unit) collect_copies(die, 0, unit->version, 0);
}

void LineMarks::cover() {
  first_row_.resize(nodes_.size() + 1);
  covering_.resize(nodes_.size());
  std::size_t row = 0;
  const LineRow* covering = nullptr;
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    for (; row < rows_.size() && rows_[row].address < nodes_[node]->address; ++row) covering = &rows_[row];
    first_row_[node] = row;
    for (std::size_t at = row; at < rows_.size() && rows_[at].address == nodes_[node]->address; ++at)
      covering = &rows_[at];
    covering_[node] = covering && !covering->ends_sequence ? covering : nullptr;
    marks_statements_ |= covering_[node] && !covering_[node]->is_statement;
  }
  first_row_[nodes_.size()] = rows_.size();
  marks_statements_ = marks_statements_ && habits_.is_gcc && habits_.copies_code;
}

void LineMarks::collect_copies(const Die& parent, std::size_t copy, std::uint16_t version, int depth) {
  if (depth > kMaxDepth) return;
  for_each_child(parent, [&](Die&& die) {
    if (die.tag() == DW_TAG_lexical_block) collect_copies(die, copy, version, depth + 1);
    if (die.tag() != DW_TAG_inlined_subroutine) return true;
    if (copies_.size() >= kMaxCopies) return false;
    auto file = static_cast<std::uint32_t>(die.unsigned_value(DW_AT_call_file).value_or(0));
    if (version < 5) file = file == 0 ? ~0u : file - 1;
    const auto line = static_cast<std::uint32_t>(die.unsigned_value(DW_AT_call_line).value_or(0));
    const std::size_t index = copies_.size();
    const std::uint64_t entry = die.address(DW_AT_entry_pc).value_or(0);
    copies_.push_back(
        {die.key(), copy, file, line, entry, die.unsigned_value(DW_AT_GNU_entry_view).value_or(0)});
    if (entry != 0) entered_.emplace(entry, index);
    paint(session_.ranges(die), index);
    collect_copies(die, index, version, depth + 1);
    return true;
  });
}

std::size_t LineMarks::node_at(std::uint64_t address) const {
  const auto node = std::lower_bound(
      nodes_.begin(), nodes_.end(), address,
      [](const Instruction* instruction, std::uint64_t value) { return instruction->address < value; });
  if (node == nodes_.end() || (*node)->address != address) return kNotFound;
  return static_cast<std::size_t>(node - nodes_.begin());
}

void LineMarks::paint(const std::vector<AddressRange>& ranges, std::size_t copy) {
  for (const AddressRange& range : ranges) {
    auto node = std::lower_bound(
        nodes_.begin(), nodes_.end(), range.begin,
        [](const Instruction* instruction, std::uint64_t value) { return instruction->address < value; });
    for (; node != nodes_.end() && (*node)->address < range.end; ++node)
      owner_[static_cast<std::size_t>(node - nodes_.begin())] = copy;
  }
}

// A copy that is entered at an address is so between two rows of it.
std::size_t LineMarks::owner_of_row(std::size_t node, std::size_t row) const {
  std::size_t owner = owner_[node];
  const std::uint64_t view = row - first_row_[node];
  const auto [begin, end] = entered_.equal_range(nodes_[node]->address);
  if (begin == end || &rows_[row] == covering_[node]) return owner;
  const auto is_later = [&](const Copy& copy) {
    return copy.entry == nodes_[node]->address && copy.entry_view > view;
  };
  while (owner != 0 && is_later(copies_[owner])) owner = copies_[owner].parent;
  for (auto it = begin; it != end; ++it) {
    const Copy& copy = copies_[it->second];
    if (copy.entry_view <= view &&
        (owner == 0 || copies_[owner].entry != copy.entry || copies_[owner].entry_view <= copy.entry_view))
      owner = it->second;
  }
  return owner;
}

// A copy that is called from the line is part of it; so is the line that a copy is
// called from, for the lines in it.
LineMarks::Belongs LineMarks::belongs(const LineOfFiles& line, std::size_t scope, const LineRow& row,
                                      std::size_t owner) const {
  if (row.line == 0 || row.ends_sequence) return Belongs::kNeutral;
  std::size_t inner = owner;
  if (inner == scope) return is_of(line, row.file, row.line) ? Belongs::kLine : Belongs::kOther;
  for (; inner != 0 && copies_[inner].parent != scope; inner = copies_[inner].parent) continue;
  if (inner != 0) {
    const bool is_called = is_of(line, copies_[inner].call_file, copies_[inner].call_line);
    return is_called ? Belongs::kNeutral : Belongs::kOther;
  }
  for (std::size_t at = scope; at != 0; at = copies_[at].parent) {
    if (copies_[at].parent != owner) continue;
    const bool is_call = copies_[at].call_line == row.line && copies_[at].call_file == row.file;
    return is_call ? Belongs::kNeutral : Belongs::kOther;
  }
  return Belongs::kOther;
}

DieKey LineMarks::copy_at(std::uint64_t address) const {
  const std::size_t node = node_at(address);
  return node == kNotFound ? 0 : copies_[owner_[node]].die;
}

bool LineMarks::has_code(const LinePlace& place) const {
  const std::size_t node = node_at(place.address);
  if (node == kNotFound || !covering_[node]) return false;
  const std::size_t row = first_row_[node] + place.view;
  return row < rows_.size() && &rows_[row] == covering_[node];
}

std::size_t LineMarks::copy_of(DieKey scope) const {
  const auto found =
      std::find_if(copies_.begin(), copies_.end(), [&](const Copy& copy) { return copy.die == scope; });
  return found == copies_.end() ? 0 : static_cast<std::size_t>(found - copies_.begin());
}

// On more lines than the one on which it opens.
bool LineMarks::has_statements(DieKey scope) const {
  if (!marks_statements_) return true;
  const std::size_t copy = copy_of(scope);
  const Extents lines = extents(copy);
  const LineRow* first = nullptr;
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    if (owner_[node] != copy) continue;
    for (std::size_t at = first_row_[node]; at < first_row_[node + 1]; ++at) {
      const LineRow& row = rows_[at];
      if (!row.is_statement || row.line == 0 || row.ends_sequence || !is_in(lines, row)) continue;
      if (first && (first->line != row.line || first->file != row.file)) return true;
      first = &row;
    }
  }
  return false;
}

LineMarks::Extents LineMarks::extents(std::size_t scope) const {
  Extents result;
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    const LineRow* row = covering_[node];
    if (owner_[node] != scope || !row || row->line == 0) continue;
    const auto [extent, is_new] = result.try_emplace(row->file, Extent{row->line, row->line});
    extent->second.first = std::min(extent->second.first, row->line);
    extent->second.last = std::max(extent->second.last, row->line);
  }
  return result;
}

bool LineMarks::is_in(const Extents& extents, const LineRow& row) {
  const auto extent = extents.find(row.file);
  return extent != extents.end() && extent->second.first <= row.line && row.line <= extent->second.last;
}

LineCode LineMarks::read(const LineOfFiles& line, DieKey scope, const std::vector<LinePlace>& places,
                         bool has_statement) const {
  LineCode result;
  result.places = places.size();
  result.marks_statements = marks_statements_ && has_statement;
  const std::size_t copy = copy_of(scope);
  std::map<std::size_t, std::size_t> place_at;  // by node
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (const std::size_t node = node_at(places[i].address); node != kNotFound) place_at[node] = i;
  }
  const Extents lines = extents(copy);
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    const auto place = place_at.find(node);
    mark(line, copy, lines, node, place == place_at.end() ? std::nullopt : std::optional(place->second),
         result);
  }
  if (!habits_.copies_code) return result;
  result.origins.resize(places.size());
  for (const auto& [node, place] : place_at) {
    const auto next = place_at.upper_bound(node);
    result.origins[place] = origins(line, copy, node, next == place_at.end() ? nodes_.size() : next->first);
  }
  return result;
}

// What the rows of one instruction say.
void LineMarks::mark(const LineOfFiles& line, std::size_t scope, const Extents& lines, std::size_t node,
                     std::optional<std::size_t> place, LineCode& code) const {
  const std::uint64_t address = nodes_[node]->address;
  std::size_t at = first_row_[node];
  const bool has_row = at < rows_.size() && rows_[at].address == address;
  for (; at < rows_.size() && rows_[at].address == address; ++at) {
    if (place && is_of(line, rows_[at].file, rows_[at].line)) {
      code.marks.push_back({address, place});
      place.reset();
      continue;
    }
    if (code.marks_statements && !rows_[at].is_statement) continue;
    // Statements without code: those of copies of which nothing is left stand here, too.
    const std::size_t owner = owner_of_row(node, at);
    if (owner == scope && &rows_[at] != covering_[node] && !is_in(lines, rows_[at])) continue;
    if (belongs(line, scope, rows_[at], owner) == Belongs::kOther) code.marks.push_back({address, {}});
  }
  if (has_row || code.marks_statements || !covering_[node]) return;
  if (belongs(line, scope, *covering_[node], owner_[node]) == Belongs::kOther)
    code.marks.push_back({address, {}});
}

// Of the straight piece of code that begins at `node` and lies before `end`.
std::vector<Origin> LineMarks::origins(const LineOfFiles& line, std::size_t scope, std::size_t node,
                                       std::size_t end) const {
  std::vector<Origin> result;
  for (std::size_t at = node; at < end && covering_[at]; ++at) {
    const LineRow& row = *covering_[at];
    if (at != node && belongs(line, scope, row, owner_[at]) == Belongs::kOther) break;
    const Instruction& instruction = *nodes_[at];
    Origin origin{mix(mix(mix(1, row.line), row.column), instruction.shape),
                  instruction.kind == InstructionKind::kCall};
    if (origin.is_call) origin.hash = mix(origin.hash, instruction.target.value_or(0));
    if (std::find(result.begin(), result.end(), origin) == result.end()) result.push_back(origin);
  }
  return result;
}

}  // namespace backsight::probes
