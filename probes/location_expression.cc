// One idea (a DWARF expression becomes operations), and therefore one file.
#include "probes/location_expression.h"

#include "probes/argument_registers.h"
#include "probes/location.h"
#include "probes/location_list.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <numeric>
#include <optional>
#include <string_view>

namespace backsight::probes {

using schema::Unavailable;

namespace {

constexpr std::size_t kMaxStack = 8;
constexpr std::size_t kMaxPieces = 16;
constexpr std::size_t kMaxTermOps = 64;
constexpr Dwarf_Unsigned kMaxOps = 64;
constexpr const char* kMovedLater = "it is moved to its place only after the probe site";
constexpr const char* kAssigned = "it is assigned to before what was passed can be seen";
constexpr const char* kStoredLater = "it is stored to the stack only after the probe site";

// libdwarf gives the address of an operand's block as a number.
const std::uint8_t* block_of(Dwarf_Unsigned operand) {
  return std::bit_cast<const std::uint8_t*>(operand);
}

std::int64_t as_signed(Dwarf_Unsigned value) {
  return static_cast<std::int64_t>(value);
}

std::optional<std::uint64_t> constant_of(const LocationTerm& term) {
  if (term.is_frame || term.ops.size() != 1 || term.ops[0].code != BS_OP_PUSH_CONST) return std::nullopt;
  return term.ops[0].d;
}

// Of a base type. LLVM makes types of any number of bits for conversions, and tells
// those that are no whole bytes by name only: DW_ATE_unsigned_1.
std::uint64_t bits_of(const Die& type) {
  const std::uint64_t bytes = type.unsigned_value(DW_AT_byte_size).value_or(0);
  const std::string_view name = type.name() ? type.name() : "";
  if (name.rfind("DW_ATE_", 0) != 0) return bytes * 8;
  std::uint64_t bits = 0;
  const std::string_view number = name.substr(name.rfind('_') + 1);
  const auto end = number.data() + number.size();
  return std::from_chars(number.data(), end, bits).ptr == end && (bits + 7) / 8 >= bytes ? bits : 0;
}

// The base type at `offset` in the unit of `variable`.
Die base_type(const LocationContext& context, const Die& variable, std::uint64_t offset) {
  const auto here = variable.offset_in_unit();
  return here ? context.session.die(variable.key() - *here + offset) : Die();
}

class Evaluator {
 public:
  Evaluator(const LocationContext& context, const Die& variable) : context_(context), variable_(variable) {}

  // False: `problem` says why.
  bool step(std::uint8_t atom, Dwarf_Unsigned operand1, Dwarf_Unsigned operand2);
  std::vector<LocationPiece> finish();
  std::vector<LocationPiece> failed() const;
  bool fail(std::string why, Unavailable reason = Unavailable::kOptimizedOut) {
    problem_ = std::move(why);
    reason_ = reason;
    return false;
  }
  bool is_sound() const { return stack_.size() <= kMaxStack && pieces_.size() <= kMaxPieces; }

 private:
  bool place(std::uint8_t atom, Dwarf_Unsigned operand1, Dwarf_Unsigned operand2);
  bool trace_register(std::uint64_t& reg, std::uint64_t at) const;
  bool is_at_site() const { return context_.step && context_.step->address == context_.frame.site; }
  bool put_register(std::uint64_t reg);
  bool push_register(std::uint64_t reg, std::int64_t offset);
  bool push_frame_base(std::int64_t offset);
  bool push_frame(std::int64_t offset);
  bool push_frame_term(std::int64_t offset);
  bool push_slot(std::int64_t offset);
  bool has_slot() const {
    return std::any_of(stack_.begin(), stack_.end(),
                       [](const LocationTerm& term) { return term.is_frame && is_realigned(term.offset); });
  }
  bool push_address(std::uint8_t atom, Dwarf_Unsigned operand);
  bool push_entry_value(const std::uint8_t* block, Dwarf_Unsigned size);
  bool push(std::vector<bs_op> ops) {
    stack_.push_back({false, false, 0, std::move(ops)});
    return true;
  }
  bool convert(std::uint64_t type);
  bool dereference(std::uint8_t bytes);
  bool shuffle(std::uint8_t atom, Dwarf_Unsigned operand);
  bool arithmetic(std::uint8_t atom, Dwarf_Unsigned operand);
  bool with_constant(std::uint8_t atom, LocationTerm& left, std::uint64_t constant);
  bool implicit_value(const std::uint8_t* bytes, Dwarf_Unsigned size);
  LocationPiece take();
  // The value that register `reg` had at the entry is there at the site.
  bool is_kept(std::uint64_t reg) const {
    return !context_.as_entered || (context_.frame.written >> reg & 1) == 0;
  }
  // What the caller put on the stack, and that is still there at the site.
  bool is_stack_word(const PrologueValue& value) const {
    return value.kind == PrologueValue::Kind::kStack && value.width == 8 && context_.frame.cfa &&
           context_.prologue.is_untouched(value.offset, 8, context_.frame.site);
  }
  // Memory of the caller, which the call did not write, nor the callee so far.
  bool is_still_there(std::int64_t offset, std::uint32_t bytes) const {
    return offset >= 0 && context_.prologue.is_untouched(offset, bytes, context_.frame.site);
  }
  // What the register holds at the entry is of another argument.
  bool is_assigned(std::uint64_t reg, std::uint64_t at) const {
    const PrologueValue value{.kind = PrologueValue::Kind::kEntry, .reg = static_cast<int>(reg)};
    return context_.may_be_assigned() && !is_own(value, at);
  }
  // It came with this argument, as its bytes from `at` on, as far as that is known.
  bool is_own(const PrologueValue& value, std::uint64_t at) const {
    return !context_.place || context_.place->brings(value, at);
  }
  // Of the variable that the pieces so far describe, in bytes.
  std::uint64_t described() const {
    return std::accumulate(pieces_.begin(), pieces_.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const LocationPiece& piece) { return sum + piece.size; });
  }
  // Where the straight line has set the frame up; it may go on to its end.
  std::optional<std::int64_t> first_rbp() const {
    for (const PrologueStep& step : context_.prologue.steps) {
      if (step.rbp) return step.rbp;
    }
    return context_.prologue.rbp;
  }
  // The same of a realigned frame.
  std::optional<std::int64_t> first_rbp_slot() const {
    for (const PrologueStep& step : context_.prologue.steps) {
      const PrologueValue& rbp = step.registers[BS_RBP];
      if (rbp.kind == PrologueValue::Kind::kSlot) return rbp.offset;
    }
    return std::nullopt;
  }
  bool is_late() const { return context_.whole_function && !context_.frame.is_set_up; }
  void settle(LocationTerm& term) const;

  const LocationContext& context_;
  const Die& variable_;
  std::vector<LocationTerm> stack_;
  std::vector<LocationPiece> pieces_;
  LocationPiece current_;
  bool decided_ = false;  // `current_` is a register, value or bytes
  std::string problem_;
  Unavailable reason_ = Unavailable::kOptimizedOut;
};

LocationPiece Evaluator::take() {
  LocationPiece piece = std::move(current_);
  if (!decided_ && !stack_.empty()) {
    piece.kind = LocationPiece::Kind::kMemory;
    piece.term = stack_.back();
  }
  current_ = {};
  decided_ = false;
  stack_.clear();
  return piece;
}

std::vector<LocationPiece> Evaluator::finish() {
  if (pieces_.empty() || decided_ || !stack_.empty()) pieces_.push_back(take());
  return std::move(pieces_);
}

std::vector<LocationPiece> Evaluator::failed() const {
  LocationPiece piece;
  piece.kind = LocationPiece::Kind::kUnavailable;
  piece.reason = reason_;
  piece.why = problem_.empty() ? "its location is not supported yet" : problem_;
  return {piece};
}

// A frame address as operations.
void Evaluator::settle(LocationTerm& term) const {
  if (!term.is_frame) return;
  term.ops = frame_address(context_.frame, term.offset);
  term.is_frame = false;
}

// `reg` holds what was passed from byte `at` on, as far as the straight line to the step shows. Becomes
// the register that holds it at the site.
bool Evaluator::trace_register(std::uint64_t& reg, std::uint64_t at) const {
  if (reg > BS_R15) return false;
  const PrologueValue& value = context_.step->registers[reg];
  const bool is_whole = value.from == 0 && value.width >= std::min<std::uint64_t>(context_.size, 8);
  if (value.kind != PrologueValue::Kind::kEntry || !is_whole || !is_own(value, at)) return false;
  if (!is_at_site()) reg = static_cast<std::uint64_t>(value.reg);
  return true;
}

bool Evaluator::put_register(std::uint64_t reg) {
  if (context_.step && reg < kFirstVector && !trace_register(reg, described())) return fail(kMovedLater);
  if (!context_.step && reg < kFirstVector && is_assigned(reg, described())) return fail(kAssigned);
  // Without a list, the register is where the variable lives once it has been moved there.
  const bool is_general = reg < kFirstVector;
  if (context_.whole_function && is_general) {
    const bool is_there = context_.as_entered
                              ? brings_argument(static_cast<std::int64_t>(reg)) && context_.follows_moves
                              : context_.by_clang && context_.follows_moves;
    if (!is_there) return fail(kMovedLater);
  }
  if (is_general && !is_at_site() && !is_kept(reg))
    return fail("its register is written before the probe site");
  current_ = {};
  current_.kind = LocationPiece::Kind::kRegister;
  current_.reg = reg;
  decided_ = true;
  return true;
}

bool Evaluator::push_frame_term(std::int64_t offset) {
  LocationTerm term;
  term.is_frame = true;
  term.is_late = is_late();
  term.offset = offset;
  stack_.push_back(std::move(term));
  return true;
}

bool Evaluator::push_frame(std::int64_t offset) {
  if (!context_.frame.cfa) return fail("the address of its frame is not known at the probe site");
  return push_frame_term(offset);
}

// Of a realigned frame: good for finding what is stored there, no address.
bool Evaluator::push_slot(std::int64_t offset) {
  const bool is_parameter = context_.as_entered && context_.place && !context_.step;
  if (!is_parameter) return fail("its frame is realigned: the address of its place is not known");
  return push_frame_term(offset);
}

bool Evaluator::push_register(std::uint64_t reg, std::int64_t offset) {
  if (reg >= kFirstVector && reg <= kLastVector)
    return fail("it is in a vector register at the probe site", Unavailable::kInVectorRegister);
  if (reg > BS_R15) return fail("it is in a register that is not captured", Unavailable::kUnsupportedType);
  if (context_.step) {
    const PrologueValue& value = context_.step->registers[reg];
    if (value.kind == PrologueValue::Kind::kFrame) return push_frame(value.offset + offset);
    if (!trace_register(reg, described() & ~std::uint64_t{7})) return fail(kMovedLater);
  }
  // Clang means RSP of the body in lists, too, also where a way around the frame leads
  // through their range.
  if (reg == BS_RSP && (context_.whole_function || context_.by_clang)) {
    const auto rsp = context_.body_rsp();
    const bool is_slot = rsp && is_realigned(*rsp);
    if (rsp && !is_slot) return push_frame(offset + *rsp);
    if (is_slot && context_.whole_function) return push_slot(offset + *rsp);
    const auto& cfa = context_.frame.cfa;
    const bool is_inside = !context_.whole_function && !context_.as_entered && cfa && *cfa != Cfa{};
    if (!is_inside) return fail("its frame is not set up in a way that can be followed");
  }
  if (context_.as_entered) {
    if (reg == BS_RSP) return push_frame(context_.caller ? offset : offset - 8);  // as at the entry
    if (reg == BS_RBP && context_.whole_function) {
      const auto rbp = first_rbp();
      const auto slot = rbp ? std::nullopt : first_rbp_slot();
      if (slot) return push_slot(offset + *slot);
      if (!rbp) return fail("its frame is not set up in a way that can be followed");
      return push_frame(offset + *rbp);
    }
    if (context_.whole_function &&
        (!brings_argument(static_cast<std::int64_t>(reg)) || !context_.follows_moves))
      return fail(kMovedLater);
    if (!is_at_site() && !is_kept(reg)) return fail("its register is written before the probe site");
    if (!context_.step && is_assigned(reg, described() & ~std::uint64_t{7})) return fail(kAssigned);
  }
  push({make_op(BS_OP_PUSH_REG, static_cast<std::uint8_t>(reg), 0, 0, static_cast<std::uint64_t>(offset))});
  stack_.back().is_late = is_late();
  return true;
}

bool Evaluator::push_frame_base(std::int64_t offset) {
  const std::vector<std::uint8_t>& base = context_.frame_base;
  if (context_.caller && base.size() == 1 && base[0] == DW_OP_call_frame_cfa)
    return push_register(context_.caller->reg, context_.caller->offset + offset);
  if (base.size() == 1 && base[0] == DW_OP_call_frame_cfa) return push_frame(offset);
  if (base.size() == 1 && (base[0] == DW_OP_reg0 + BS_RBP || base[0] == DW_OP_reg0 + BS_RSP))
    return push_register(base[0] - DW_OP_reg0, offset);
  return fail("its frame base is not supported yet");
}

bool Evaluator::push_address(std::uint8_t atom, Dwarf_Unsigned operand) {
  Dwarf_Addr address = operand;
  Dwarf_Error error = nullptr;
  if (atom != DW_OP_addr &&
      dwarf_debug_addr_index_to_addr(variable_.handle(), operand, &address, &error) != DW_DLV_OK) {
    if (error) dwarf_dealloc_error(context_.session.handle(), error);
    return fail("its address cannot be read");
  }
  return push({make_op(BS_OP_PUSH_IP_REL, 0, 0, 0, address - context_.frame.site)});
}

bool Evaluator::push_entry_value(const std::uint8_t* block, Dwarf_Unsigned size) {
  if (!block || size != 1 || block[0] < DW_OP_reg0 || block[0] > DW_OP_reg0 + BS_R15)
    return fail("only its value at the function's entry is known");
  const std::uint64_t reg = block[0] - DW_OP_reg0;
  // At the entry site the value at entry is the register's value now.
  const bool is_other = is_assigned(reg, described() & ~std::uint64_t{7});
  if (context_.caller || !context_.frame.at_entry || (context_.frame.written >> reg & 1) != 0 ||
      reg == BS_RSP || is_other)
    return fail("only its value at the function's entry is known");
  return push({make_op(BS_OP_PUSH_REG, static_cast<std::uint8_t>(reg))});
}

// `type`: offset in the unit of the type that the top becomes; 0: the generic one.
bool Evaluator::convert(std::uint64_t type) {
  if (stack_.empty()) return false;
  if (type == 0) return true;
  const Die die = base_type(context_, variable_, type);
  const std::uint64_t bits = die ? bits_of(die) : 0;
  const auto encoding = die ? die.unsigned_value(DW_AT_encoding).value_or(0) : 0;
  const bool is_signed = encoding == DW_ATE_signed || encoding == DW_ATE_signed_char;
  const bool is_integer = is_signed || encoding == DW_ATE_unsigned || encoding == DW_ATE_unsigned_char ||
                          encoding == DW_ATE_boolean || encoding == DW_ATE_address;
  LocationTerm& top = stack_.back();
  if (!is_integer || top.is_frame || bits == 0 || bits > 64)
    return fail("its value is computed in a way that is not supported yet", Unavailable::kUnsupportedType);
  if (bits == 8 || bits == 16 || bits == 32) {
    top.ops.push_back(make_op(BS_OP_EXTEND, static_cast<std::uint8_t>(bits / 8), is_signed));
  } else if (bits < 64) {  // to the top and back
    top.ops.push_back(make_op(BS_OP_PUSH_CONST, 0, 0, 0, 1ull << (64 - bits)));
    top.ops.push_back(make_op(BS_OP_MUL));
    top.ops.push_back(make_op(BS_OP_SHIFT, static_cast<std::uint8_t>(64 - bits), is_signed));
  }
  return true;
}

bool Evaluator::dereference(std::uint8_t bytes) {
  if (stack_.empty()) return false;
  LocationTerm& top = stack_.back();
  if (context_.caller && top.is_frame && !is_still_there(top.offset, bytes))
    return fail("it is written before the probe site");
  if (context_.as_entered && top.is_frame && top.offset < 0) {
    const Spill* spill = context_.prologue.find(top.offset, bytes);
    const bool is_there =
        spill && (!context_.step || context_.prologue.holds(*spill, context_.step->address));
    if (is_there && bytes == 8 && is_own(spill->value, 0) && is_stack_word(spill->value)) {
      const std::int64_t slot = spill->value.offset;
      top = {};
      top.ops = frame_address(context_.frame, slot);
      top.ops.push_back(make_op(BS_OP_LOAD, 8));
      return true;
    }
    const int reg = is_there && bytes == 8 && is_own(spill->value, 0) ? spill->whole_register() : -1;
    if (reg < 0 || !is_kept(static_cast<std::uint64_t>(reg))) return fail(kStoredLater);
    top = {};
    top.ops = {make_op(BS_OP_PUSH_REG, static_cast<std::uint8_t>(reg))};
    return true;
  }
  if (!context_.as_entered && top.is_late) return fail(kStoredLater);
  settle(top);
  top.ops.push_back(make_op(BS_OP_LOAD, bytes));
  return true;
}

bool Evaluator::implicit_value(const std::uint8_t* bytes, Dwarf_Unsigned size) {
  if (!bytes || size > 16) return fail("its constant is too large", Unavailable::kUnsupportedType);
  current_ = {};
  current_.kind = LocationPiece::Kind::kBytes;
  current_.bytes.assign(bytes, bytes + size);
  decided_ = true;
  return true;
}

bool Evaluator::place(std::uint8_t atom, Dwarf_Unsigned operand1, Dwarf_Unsigned operand2) {
  switch (atom) {
    case DW_OP_stack_value:
      if (stack_.empty() || has_slot()) return false;
      current_ = {};
      current_.kind = LocationPiece::Kind::kValue;
      current_.term = stack_.back();
      decided_ = true;
      return true;
    case DW_OP_implicit_value:
      if (context_.may_be_assigned()) return fail(kAssigned);
      return implicit_value(block_of(operand2), operand1);
    case DW_OP_piece: {
      LocationPiece piece = take();
      piece.size = operand1;
      pieces_.push_back(std::move(piece));
      return operand1 > 0;
    }
    case DW_OP_bit_piece: {
      if (operand1 % 8 != 0 || operand1 == 0 || operand2 != 0)
        return fail("parts of its bytes are in different places", Unavailable::kUnsupportedType);
      LocationPiece piece = take();
      piece.size = operand1 / 8;
      pieces_.push_back(std::move(piece));
      return true;
    }
    case DW_OP_implicit_pointer:
    case DW_OP_GNU_implicit_pointer:
      return fail("it points to a value that was optimised out");
    default:
      return arithmetic(atom, operand1);
  }
}

bool Evaluator::step(std::uint8_t atom, Dwarf_Unsigned operand1, Dwarf_Unsigned operand2) {
  if (atom >= DW_OP_reg0 && atom <= DW_OP_reg31) return put_register(atom - DW_OP_reg0);
  if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31)
    return push_register(atom - DW_OP_breg0, as_signed(operand1));
  switch (atom) {
    case DW_OP_regx:
      return put_register(operand1);
    case DW_OP_bregx:
      return push_register(operand1, as_signed(operand2));
    case DW_OP_fbreg:
      return push_frame_base(as_signed(operand1));
    case DW_OP_call_frame_cfa:
      return context_.caller ? push_register(context_.caller->reg, context_.caller->offset) : push_frame(0);
    case DW_OP_addr:
    case DW_OP_addrx:
    case DW_OP_GNU_addr_index:
      return push_address(atom, operand1);
    case DW_OP_constx:
    case DW_OP_GNU_const_index: {
      Dwarf_Addr value = 0;
      Dwarf_Error error = nullptr;
      if (dwarf_debug_addr_index_to_addr(variable_.handle(), operand1, &value, &error) != DW_DLV_OK) {
        if (error) dwarf_dealloc_error(context_.session.handle(), error);
        return fail("its address cannot be read");
      }
      return push({make_op(BS_OP_PUSH_CONST, 0, 0, 0, value)});
    }
    case DW_OP_entry_value:
    case DW_OP_GNU_entry_value:
      return push_entry_value(block_of(operand2), operand1);
    case DW_OP_deref:
      return dereference(8);
    case DW_OP_deref_size:
      if (operand1 != 1 && operand1 != 2 && operand1 != 4 && operand1 != 8) return false;
      return dereference(static_cast<std::uint8_t>(operand1));
    case DW_OP_nop:
      return true;
    case DW_OP_convert:
    case DW_OP_GNU_convert:
      return convert(operand1);
    case DW_OP_form_tls_address:
    case DW_OP_GNU_push_tls_address:
      return fail("it is thread-local: the thread's own storage is not known to the probe",
                  Unavailable::kUnsupportedType);
    default:
      return place(atom, operand1, operand2);
  }
}

bool Evaluator::shuffle(std::uint8_t atom, Dwarf_Unsigned operand) {
  const std::size_t depth = stack_.size();
  switch (atom) {
    case DW_OP_dup:
      operand = 0;
      break;
    case DW_OP_over:
      operand = 1;
      break;
    case DW_OP_pick:
      break;
    case DW_OP_drop:
      if (depth < 1) return false;
      stack_.pop_back();
      return true;
    case DW_OP_swap:
      if (depth < 2) return false;
      std::swap(stack_[depth - 1], stack_[depth - 2]);
      return true;
    case DW_OP_rot:
      if (depth < 3) return false;
      std::swap(stack_[depth - 1], stack_[depth - 2]);
      std::swap(stack_[depth - 2], stack_[depth - 3]);
      return true;
    default:
      return fail("its value is computed in a way that is not supported yet", Unavailable::kUnsupportedType);
  }
  if (operand >= depth) return false;
  stack_.push_back(LocationTerm(stack_[depth - 1 - operand]));
  return true;
}

// What becomes a sum or a product when one side is known.
bool Evaluator::with_constant(std::uint8_t atom, LocationTerm& left, std::uint64_t constant) {
  if (atom == DW_OP_shl && constant < 64) {
    left.ops.push_back(make_op(BS_OP_PUSH_CONST, 0, 0, 0, 1ull << constant));
    left.ops.push_back(make_op(BS_OP_MUL));
    return true;
  }
  if ((atom == DW_OP_shr || atom == DW_OP_shra) && constant > 0 && constant < 64) {
    left.ops.push_back(make_op(BS_OP_SHIFT, static_cast<std::uint8_t>(constant), atom == DW_OP_shra));
    return true;
  }
  const std::uint8_t kept = constant == 0xff ? 1 : constant == 0xffff ? 2 : constant == 0xffffffff ? 4 : 0;
  if (atom == DW_OP_and && kept != 0) {
    left.ops.push_back(make_op(BS_OP_EXTEND, kept));
    return true;
  }
  return fail("its value is computed in a way that is not supported yet", Unavailable::kUnsupportedType);
}

bool Evaluator::arithmetic(std::uint8_t atom, Dwarf_Unsigned operand) {
  if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31) operand = atom - DW_OP_lit0;
  if ((atom >= DW_OP_lit0 && atom <= DW_OP_lit31) || (atom >= DW_OP_const1u && atom <= DW_OP_consts))
    return push({make_op(BS_OP_PUSH_CONST, 0, 0, 0, operand)});
  if (stack_.empty() || has_slot()) return false;
  if (atom == DW_OP_plus_uconst) {
    LocationTerm& top = stack_.back();
    if (top.is_frame)
      top.offset += static_cast<std::int64_t>(operand);
    else
      top.ops.push_back(make_op(BS_OP_ADD_CONST, 0, 0, 0, operand));
    return true;
  }
  if (atom == DW_OP_neg || atom == DW_OP_not) {  // 0 - x, -1 - x
    LocationTerm& top = stack_.back();
    if (top.is_frame) return false;
    top.ops.insert(top.ops.begin(),
                   make_op(BS_OP_PUSH_CONST, 0, 0, 0, atom == DW_OP_neg ? 0 : ~std::uint64_t{0}));
    top.ops.push_back(make_op(BS_OP_SUB));
    return true;
  }
  const auto code = atom == DW_OP_plus    ? BS_OP_ADD
                    : atom == DW_OP_minus ? BS_OP_SUB
                    : atom == DW_OP_mul   ? BS_OP_MUL
                                          : BS_OP_END;
  const bool is_masked = atom == DW_OP_shl || atom == DW_OP_shr || atom == DW_OP_shra || atom == DW_OP_and;
  if (code == BS_OP_END && !is_masked) return shuffle(atom, operand);
  if (stack_.size() < 2) return false;
  const LocationTerm right = stack_.back();
  stack_.pop_back();
  LocationTerm& left = stack_.back();
  if (right.is_frame || left.is_frame || right.ops.size() + left.ops.size() > kMaxTermOps) return false;
  left.is_late |= right.is_late;
  if (is_masked) {
    const auto constant = constant_of(right);
    return constant && with_constant(atom, left, *constant);
  }
  left.ops.insert(left.ops.end(), right.ops.begin(), right.ops.end());
  left.ops.push_back(make_op(code));
  return true;
}

}  // namespace

DieKey parameter_of_callers(const DwarfSession& session, const Die& variable, Dwarf_Locdesc_c expression,
                            Dwarf_Unsigned count) {
  if (count != 2) return 0;
  const auto first = read_operation(session, expression, 0);
  const auto second = read_operation(session, expression, 1);
  const auto here = variable.offset_in_unit();
  if (!first || !second || !here || first->atom != DW_OP_GNU_parameter_ref ||
      second->atom != DW_OP_stack_value)
    return 0;
  return variable.key() - *here + first->operands[0];
}

std::vector<bs_op> frame_address(const SiteFrame& frame, std::int64_t offset) {
  const Cfa cfa = frame.cfa.value_or(Cfa{});
  return {make_op(BS_OP_PUSH_REG, cfa.reg, 0, 0, static_cast<std::uint64_t>(cfa.offset + offset))};
}

std::vector<LocationPiece> evaluate_location(const LocationContext& context, const Die& variable,
                                             Dwarf_Locdesc_c expression, Dwarf_Unsigned count) {
  Evaluator evaluator(context, variable);
  if (count > kMaxOps) {
    evaluator.fail("its location is too complicated");
    return evaluator.failed();
  }
  for (Dwarf_Unsigned i = 0; i < count; ++i) {
    const auto operation = read_operation(context.session, expression, i);
    if (!operation) {
      evaluator.fail("its location cannot be read");
      return evaluator.failed();
    }
    const bool goes_on = evaluator.step(operation->atom, operation->operands[0], operation->operands[1]);
    if (!goes_on || !evaluator.is_sound()) return evaluator.failed();
  }
  return evaluator.finish();
}

std::optional<std::uint64_t> first_register(const DwarfSession& session, Dwarf_Locdesc_c expression,
                                            Dwarf_Unsigned count) {
  const auto first = count > 0 ? read_operation(session, expression, 0) : std::nullopt;
  if (!first) return std::nullopt;
  for (const Dwarf_Small base : {DW_OP_reg0, DW_OP_breg0}) {
    if (first->atom >= base && first->atom <= base + BS_R15) return first->atom - base;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> register_of_all(const LocationContext& context, const Die& variable,
                                             Dwarf_Locdesc_c expression, Dwarf_Unsigned count) {
  if (count < 2) return std::nullopt;
  const auto first = read_operation(context.session, expression, 0);
  const auto second = read_operation(context.session, expression, 1);
  if (!first || !second || first->atom < DW_OP_breg0 || first->atom > DW_OP_breg15) return std::nullopt;
  const bool converts = second->atom == DW_OP_convert || second->atom == DW_OP_GNU_convert;
  if (first->operands[0] != 0 || !converts || second->operands[0] == 0) return std::nullopt;
  const Die type = base_type(context, variable, second->operands[0]);
  const bool is_whole =
      type && type.unsigned_value(DW_AT_encoding) == DW_ATE_unsigned && bits_of(type) == context.size * 8;
  return is_whole ? std::optional<std::uint64_t>(first->atom - DW_OP_breg0) : std::nullopt;
}

}  // namespace backsight::probes
