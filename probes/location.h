// Where the value of a variable is at one probe site: DWARF location
// expressions and lists, turned into operations of the capture machine. What the
// debug information does not state for exactly that address is unavailable.
#pragma once

#include "bpf/abi/plan.h"
#include "probes/argument_place.h"
#include "probes/call_sites.h"
#include "probes/dwarf_session.h"
#include "probes/prologue.h"
#include "probes/site_frame.h"
#include "schema/plan.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace backsight::probes {

class SlotCheck;

// In memory: the operations leave its address on the stack. Otherwise they
// leave its bytes, eight a slot, the lowest deepest.
struct ValueSource {
  schema::Unavailable unavailable = schema::Unavailable::kNone;
  std::string why;  // for people: of unavailable, or when it is there and when not
  bool in_memory = false;
  std::vector<bs_op> ops;
  // Not in memory: the first operation of each slot. Empty: one operation a slot.
  std::vector<std::size_t> slots = {};

  // The operations that leave slot `index` alone; empty if there is no such slot.
  std::vector<bs_op> slot(std::size_t index) const;
};

bs_op make_op(bs_op_code code, std::uint8_t a = 0, std::uint16_t b = 0, std::uint32_t c = 0,
              std::uint64_t d = 0);
ValueSource unavailable_source(schema::Unavailable reason, std::string why);

class LocationReader {
 public:
  static constexpr std::uint32_t kAllBytes = ~0u;

  // `function` is the concrete entry of the function that the site is in (not of
  // an inlined copy). `body_rsp` says where RSP of its body is,
  // relative to CFA. `prologue` is of its entry, and must outlive the reader, as `slots`:
  // of a site where what is in the own frame may not be stored yet, else null. `callers`
  // gives the function's calls; empty: they are not looked at.
  LocationReader(const DwarfSession& session, const Die& function, const SiteFrame& frame,
                 const Prologue& prologue, std::function<std::optional<std::int64_t>()> body_rsp,
                 std::function<std::vector<CallSite>()> callers = {}, const SlotCheck* slots = nullptr);

  // Of a variable of `size` bytes: a parameter, a local that is visible at the
  // site, or a global.
  // `used`: bit n is set where byte n is not padding, which no compiler has to keep.
  // `place`: of a parameter, where the caller puts it; null: not known.
  ValueSource locate(const Die& variable, std::uint64_t size, std::uint32_t used = kAllBytes,
                     const ArgumentPlace* place = nullptr) const;
  // The general register with which its description at the function's entry begins.
  std::optional<std::uint64_t> register_at_entry(const Die& variable) const;
  // Whether that is where the caller put an argument on the stack.
  bool is_argument_slot(const ValueSource& source) const;
  // Of a variable whose address stands at link-time address `slot`; 0: not known.
  ValueSource through_slot(std::uint64_t slot) const;

 private:
  // `as_entered`: as at the function's entry. Otherwise at the site.
  ValueSource locate_at(const Die& variable, std::uint64_t size, std::uint32_t used,
                        const ArgumentPlace* place, bool as_entered) const;
  // Of a parameter that the expression describes right before the instruction at
  // `address`: what was passed, if the straight line to there only moved it.
  ValueSource trace(const Die& variable, Dwarf_Locdesc_c expression, Dwarf_Unsigned operations,
                    std::uint64_t address, std::uint64_t size, std::uint32_t used,
                    const ArgumentPlace& place) const;

  const DwarfSession& session_;
  SiteFrame frame_;
  const Prologue& prologue_;
  std::function<std::optional<std::int64_t>()> body_rsp_;
  std::function<std::vector<CallSite>()> callers_;
  const SlotCheck* slots_;
  bool follows_moves_ = true;  // the compiler tracked where variables are moved
  bool by_clang_ = false;
  std::vector<std::uint8_t> frame_base_;
};

}  // namespace backsight::probes
