// Whether a variable that debug information of optimised code places in the own frame
// is there. Where the address of a variable is taken, compilers say that it lives in
// its slot for all of its scope, also where they left out the store as dead or do it
// later; the slot then holds what was there before. So the code must show the store.
#pragma once

#include "probes/frame_stores.h"
#include "probes/location_expression.h"
#include "probes/site_frame.h"
#include "probes/slot_claims.h"
#include "probes/type_layout.h"

#include <cstdint>
#include <optional>

namespace backsight::probes {

class SlotCheck {
 public:
  // Of one site in the midst of `function`, its concrete entry. All must outlive it.
  // `code` is all of the function's. `is_copy`: it is the entry of an inlined copy, and
  // what is asked for is passed to it. Else variables are wanted as they stand there.
  SlotCheck(const TypeLayout& layout, const ElfFile& binary, const FrameTable& frames, const Die& function,
            const FunctionCode& code, const SiteFrame& frame, bool is_copy);

  // Whether `size` bytes of `variable` are there where the location says; of the first 32
  // those that `used` has bits for. `is_listed`: the location has a range of its own.
  bool is_there(const Die& variable, const LocationTerm& address, std::uint64_t size, std::uint32_t used,
                bool is_listed) const;
  // Of a pointer or reference with that value: whether the number or object that it refers to
  // is there. `this` is shown as it is: what is being constructed is not.
  bool is_target_there(const Die& variable, const LocationTerm& value) const;

 private:
  const SlotClaims& claims() const;
  bool is_there(const Die& variable, std::int64_t offset, std::uint64_t size, std::uint32_t used,
                bool is_listed) const;
  bool is_object_there(std::int64_t offset, std::uint64_t size, DieKey owner) const;
  FrameAddress place_of(const LocationTerm& address) const;
  FrameAddress register_place(int reg) const;

  const TypeLayout layout_;
  const DwarfSession& session_;
  const FrameTable& frames_;
  const Die& function_;
  const FunctionCode& code_;
  const SiteFrame& frame_;
  bool is_copy_;
  FrameStores stores_;
  mutable std::optional<SlotClaims> claims_;
};

// Whether the function was compiled with optimisation, as far as its debug information tells.
bool is_optimised(const DwarfSession& session, const Die& function);

}  // namespace backsight::probes
