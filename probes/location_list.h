// The location list (or the one expression) of a variable, read with libdwarf.
#pragma once

#include "probes/dwarf_session.h"

#include <cstdint>
#include <optional>
#include <utility>

namespace backsight::probes {

// Its attribute must outlive it.
class LocationList {
 public:
  LocationList(const DwarfSession& session, const DieAttribute& attribute);
  LocationList(const LocationList&) = delete;
  LocationList& operator=(const LocationList&) = delete;
  ~LocationList() {
    if (head_) dwarf_loc_head_c_dealloc(head_);
  }

  struct Entry {
    Dwarf_Locdesc_c expression = nullptr;
    Dwarf_Unsigned operations = 0;
    std::uint64_t begin = 0;  // of its range, if it has one
    bool whole_function = false;
  };
  struct Row {
    Entry entry;
    Dwarf_Small kind = 0;
    Dwarf_Addr low = 0;
    Dwarf_Addr high = 0;
    bool is_resolved = false;
    // It has a range of its own, and that is not empty.
    bool has_range() const;
  };
  bool is_readable() const { return head_ != nullptr; }
  Dwarf_Unsigned size() const;
  std::optional<Row> row(Dwarf_Unsigned index) const;
  // What holds at `address`. At one address there may be several views of the
  // source; `first_view`: the one before any statement there took effect.
  std::optional<Entry> at(std::uint64_t address, bool first_view) const;
  // The first that holds for part of the function, and from which address on.
  std::optional<std::pair<Entry, std::uint64_t>> first() const;

 private:
  const DwarfSession& session_;
  Dwarf_Loc_Head_c head_ = nullptr;
  Dwarf_Unsigned count_ = 0;
};

struct LocationOperation {
  Dwarf_Small atom = 0;
  Dwarf_Unsigned operands[3] = {};
};
std::optional<LocationOperation> read_operation(const DwarfSession& session, Dwarf_Locdesc_c expression,
                                                Dwarf_Unsigned index);

}  // namespace backsight::probes
