// One DWARF location expression, evaluated symbolically: what it says about
// each piece of the variable, in terms of registers and memory at the site.
#pragma once

#include "bpf/abi/plan.h"
#include "probes/argument_place.h"
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

// An address or value being computed.
struct LocationTerm {
  bool is_frame = false;  // CFA + offset
  bool is_late = false;   // of a place that is not filled yet
  std::int64_t offset = 0;
  std::vector<bs_op> ops;
};

struct LocationPiece {
  enum class Kind { kNone, kRegister, kMemory, kValue, kBytes, kUnavailable } kind = Kind::kNone;
  std::uint64_t reg = 0;
  std::uint64_t size = 0;  // 0: all of it
  LocationTerm term;
  std::vector<std::uint8_t> bytes;
  schema::Unavailable reason = schema::Unavailable::kOptimizedOut;  // kUnavailable
  std::string why;
};

struct LocationContext {
  const DwarfSession& session;
  const SiteFrame& frame;
  const Prologue& prologue;
  const std::vector<std::uint8_t>& frame_base;
  // RSP of the function's body relative to CFA, which debug information takes for
  // granted all over the function. None: not known.
  const std::function<std::optional<std::int64_t>()>& body_rsp;
  bool follows_moves = true;
  bool by_clang = false;
  bool as_entered = true;                // see LocationReader
  bool whole_function = false;           // one expression for all of the function's addresses
  std::uint64_t size = 8;                // of the variable
  std::uint32_t used = ~0u;              // bit n: byte n of the variable is not padding
  const ArgumentPlace* place = nullptr;  // where the caller puts it; null: not known
  // Not null: the expression holds right before that instruction, of the straight line.
  const PrologueStep* step = nullptr;
  // Not null: the expression is of the caller at the call, of this frame: what is left of
  // its registers at the site, and its memory. `frame_base` is its.
  const Cfa* caller = nullptr;
  // Not null: what is in the own frame counts only if it is seen to be stored there.
  const SlotCheck* slots = nullptr;
  const Die* variable = nullptr;  // for it

  // It may describe what the function has made of the parameter: only what the calling
  // convention agrees with was passed. Clang does so even for the first instruction, where
  // the code of an assignment before it was optimised away.
  bool may_be_assigned() const {
    return !caller && (step || (as_entered && by_clang && !(place && place->is_any)));
  }
};

// At least one piece; a single kUnavailable where it is not understood.
std::vector<LocationPiece> evaluate_location(const LocationContext& context, const Die& variable,
                                             Dwarf_Locdesc_c expression, Dwarf_Unsigned count);

// Of a parameter that is not passed and whose location says no more than that: the
// abstract parameter that calls name. 0: it is none such.
DieKey parameter_of_callers(const DwarfSession& session, const Die& variable, Dwarf_Locdesc_c expression,
                            Dwarf_Unsigned count);

// CFA + offset at the site. The frame's CFA must be known.
std::vector<bs_op> frame_address(const SiteFrame& frame, std::int64_t offset);

inline constexpr std::uint64_t kFirstVector = 17;  // XMM0
inline constexpr std::uint64_t kLastVector = 32;   // XMM15

// The general register with which it begins.
std::optional<std::uint64_t> first_register(const DwarfSession& session, Dwarf_Locdesc_c expression,
                                            Dwarf_Unsigned count);

// The register that the expression takes for an integer of the variable's size, if
// that is how it begins. Clang passes a small class as one integer, and describes its members
// as parts of it, often not all of them: "RDI as 48 bits, of that the low 16".
std::optional<std::uint64_t> register_of_all(const LocationContext& context, const Die& variable,
                                             Dwarf_Locdesc_c expression, Dwarf_Unsigned count);

}  // namespace backsight::probes
