#include "probes/location_list.h"

#include <dwarf.h>

#include <algorithm>

namespace backsight::probes {

namespace {

constexpr Dwarf_Unsigned kMaxEntries = 4096;

bool is_entry_kind(Dwarf_Small kind) {
  return kind == DW_LLE_offset_pair || kind == DW_LLE_start_end || kind == DW_LLE_start_length ||
         kind == DW_LLE_startx_endx || kind == DW_LLE_startx_length;
}

}  // namespace

LocationList::LocationList(const DwarfSession& session, const DieAttribute& attribute) : session_(session) {
  Dwarf_Error error = nullptr;
  if (dwarf_get_loclist_c(attribute.handle(), &head_, &count_, &error) != DW_DLV_OK) {
    if (error) dwarf_dealloc_error(session.handle(), error);
    head_ = nullptr;
  }
}

bool LocationList::Row::has_range() const {
  return is_resolved && is_entry_kind(kind) && low != high;
}

Dwarf_Unsigned LocationList::size() const {
  return head_ ? std::min(count_, kMaxEntries) : 0;
}

std::optional<LocationList::Row> LocationList::row(Dwarf_Unsigned index) const {
  Row row;
  Dwarf_Small source = 0;
  Dwarf_Unsigned raw[2] = {};
  Dwarf_Unsigned ignored[2] = {};
  Dwarf_Bool unresolved = 0;
  Dwarf_Error error = nullptr;
  if (dwarf_get_locdesc_entry_d(head_, index, &row.kind, &raw[0], &raw[1], &unresolved, &row.low, &row.high,
                                &row.entry.operations, &row.entry.expression, &source, &ignored[0],
                                &ignored[1], &error) != DW_DLV_OK) {
    if (error) dwarf_dealloc_error(session_.handle(), error);
    return std::nullopt;
  }
  row.entry.whole_function = source == 0;
  row.is_resolved = !unresolved;
  if (row.is_resolved) row.entry.begin = row.low;
  return row;
}

std::optional<LocationList::Entry> LocationList::at(std::uint64_t address, bool first_view) const {
  std::optional<Entry> fallback;
  for (Dwarf_Unsigned i = 0; i < size(); ++i) {
    const auto row = this->row(i);
    if (!row) break;
    if (row->entry.whole_function) return row->entry;
    if (!row->is_resolved) continue;
    if (row->kind == DW_LLE_default_location) fallback = row->entry;
    if (!is_entry_kind(row->kind)) continue;
    const bool is_empty = row->low == row->high;
    if ((address >= row->low && address < row->high) || (first_view && is_empty && address == row->low))
      return row->entry;
  }
  return fallback;
}

std::optional<std::pair<LocationList::Entry, std::uint64_t>> LocationList::first() const {
  std::optional<std::pair<Entry, std::uint64_t>> found;
  for (Dwarf_Unsigned i = 0; i < size(); ++i) {
    const auto row = this->row(i);
    if (!row || row->entry.whole_function) return std::nullopt;
    if (row->has_range() && (!found || row->low < found->second)) found.emplace(row->entry, row->low);
  }
  return found;
}

std::optional<LocationOperation> read_operation(const DwarfSession& session, Dwarf_Locdesc_c expression,
                                                Dwarf_Unsigned index) {
  LocationOperation result;
  Dwarf_Unsigned raw[3] = {};
  Dwarf_Unsigned branch = 0;
  Dwarf_Error error = nullptr;
  if (dwarf_get_location_op_value_d(expression, index, &result.atom, &result.operands[0], &result.operands[1],
                                    &result.operands[2], &raw[0], &raw[1], &raw[2], &branch,
                                    &error) == DW_DLV_OK) {
    return result;
  }
  if (error) dwarf_dealloc_error(session.handle(), error);
  return std::nullopt;
}

}  // namespace backsight::probes
