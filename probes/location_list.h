// A location list of a variable, or its one expression, as libdwarf reads it.
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
    bool whole_function = false;
  };
  bool is_readable() const { return head_ != nullptr; }
  // What holds at `address`. At one address there may be several views of the
  // source; `first_view`: the one before any statement there took effect.
  std::optional<Entry> at(std::uint64_t address, bool first_view) const;
  // The first that holds for part of the function, and from which address on.
  std::optional<std::pair<Entry, std::uint64_t>> first() const;

 private:
  struct Row {
    Entry entry;
    Dwarf_Small kind = 0;
    Dwarf_Addr low = 0;
    Dwarf_Addr high = 0;
    bool is_resolved = false;
  };
  std::optional<Row> row(Dwarf_Unsigned index) const;

  const DwarfSession& session_;
  Dwarf_Loc_Head_c head_ = nullptr;
  Dwarf_Unsigned count_ = 0;
};

}  // namespace backsight::probes
