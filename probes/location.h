// Where the value of a variable is at one probe site: DWARF location
// expressions and lists, turned into operations of the capture machine. What the
// debug information does not state for exactly that address is unavailable.
#pragma once

#include "bpf/abi/plan.h"
#include "probes/dwarf_session.h"
#include "probes/prologue.h"
#include "schema/plan.h"

#include <cstdint>
#include <string>
#include <vector>

namespace backsight::probes {

// In memory: the operations leave its address on the stack. Otherwise they
// leave its bytes, eight a slot, the lowest deepest.
struct ValueSource {
  schema::Unavailable unavailable = schema::Unavailable::kNone;
  std::string why;  // of unavailable, for people
  bool in_memory = false;
  std::vector<bs_op> ops;
};

bs_op make_op(bs_op_code code, std::uint8_t a = 0, std::uint16_t b = 0, std::uint32_t c = 0,
              std::uint64_t d = 0);
ValueSource unavailable_source(schema::Unavailable reason, std::string why);

class LocationReader {
 public:
  // `function` is the concrete entry; `site` its entry site, where CFA = RSP + 8.
  // `keeps_stack`: the function never changes RSP, so that CFA = RSP + 8 everywhere.
  LocationReader(const DwarfSession& session, const Die& function, std::uint64_t site,
                 const Prologue& prologue, bool keeps_stack);

  // Of a parameter or global of `size` bytes.
  ValueSource locate(const Die& variable, std::uint64_t size) const;

 private:
  // An address or value being computed.
  struct Term {
    bool is_frame = false;     // CFA + offset
    bool needs_spill = false;  // known only as the target of a spill
    std::int64_t offset = 0;
    std::vector<bs_op> ops;
  };
  struct Piece {
    enum class Kind { kNone, kRegister, kMemory, kValue, kBytes, kUnsupported } kind = Kind::kNone;
    std::uint64_t reg = 0;
    std::uint64_t size = 0;  // 0: all of it
    Term term;
    std::vector<std::uint8_t> bytes;
    std::string why;
  };
  struct Evaluation;

  std::vector<Piece> evaluate(Dwarf_Locdesc_c expression, Dwarf_Unsigned count, const Die& variable,
                              bool whole_function) const;
  bool step(Evaluation& state, const Die& variable, std::uint8_t atom, Dwarf_Unsigned operand1,
            Dwarf_Unsigned operand2) const;
  bool arithmetic(Evaluation& state, std::uint8_t atom, Dwarf_Unsigned operand) const;
  Term register_term(Evaluation& state, std::uint64_t reg, std::int64_t offset) const;
  Term frame_term(Evaluation& state, std::int64_t offset) const;
  bool dereference(Evaluation& state) const;
  ValueSource combine(const std::vector<Piece>& pieces, std::uint64_t size) const;
  ValueSource from_memory(const Term& term, std::uint64_t size) const;
  ValueSource from_slots(const std::vector<Piece>& pieces, std::uint64_t size) const;

  const DwarfSession& session_;
  std::uint64_t site_;
  const Prologue& prologue_;
  bool keeps_stack_;
  bool follows_moves_ = true;  // the compiler tracked where variables are moved
  std::vector<std::uint8_t> frame_base_;
};

}  // namespace backsight::probes
