// Which variables the debug information says are in a slot of a function's frame, and
// where in its code: compilers give one slot to several variables whose scopes do not
// overlap.
#pragma once

#include "probes/cfa.h"
#include "probes/dwarf_session.h"

#include <cstdint>
#include <vector>

namespace backsight::probes {

class LocationList;

class SlotClaims {
 public:
  // `function`: the concrete entry of the function.
  SlotClaims(const DwarfSession& session, const FrameTable& frames, const Die& function);

  // Whether at that instruction another variable than `variable` is in one of
  // these bytes, or points there.
  bool is_claimed(std::int64_t offset, std::uint64_t size, std::uint64_t address, DieKey variable) const;
  // The variable that is there at that instruction; 0: none is known.
  DieKey owner(std::int64_t offset, std::uint64_t address) const;
  // Whether the instruction belongs to a destructor that was inlined.
  bool is_destruction(std::uint64_t address) const;
  // Whether at that instruction the variable is there.
  bool is_owned(std::int64_t offset, std::uint64_t address, DieKey variable) const;

 private:
  struct Claim {
    AddressRange range;
    std::int64_t offset = 0;  // relative to CFA
    DieKey variable = 0;
    bool is_there = false;  // not only its value points there
  };
  void enter(const Die& scope, const std::vector<AddressRange>& ranges, int depth);
  void add(const Die& variable, const std::vector<AddressRange>& ranges);
  void add(const LocationList& list, Dwarf_Unsigned index, const std::vector<AddressRange>& ranges,
           DieKey variable);

  const DwarfSession& session_;
  const FrameTable& frames_;
  std::vector<std::uint8_t> frame_base_;
  std::vector<Claim> claims_;
  std::vector<AddressRange> destructions_;
};

}  // namespace backsight::probes
