// One idea (a DWARF expression becomes operations), and therefore one file.
#include "probes/location.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace backsight::probes {

using schema::Unavailable;

namespace {

constexpr std::size_t kMaxStack = 8;
constexpr Dwarf_Unsigned kMaxOps = 64;
constexpr Dwarf_Unsigned kMaxEntries = 4096;
constexpr std::uint64_t kRsp = 7;
constexpr std::uint64_t kRbp = 6;
constexpr std::uint64_t kFirstVector = 17;  // XMM0
constexpr std::uint64_t kLastVector = 32;

// Registers that bring arguments (System V ABI, 3.2.3).
bool brings_argument(std::uint64_t reg) {
  return reg == 5 || reg == 4 || reg == 1 || reg == 2 || reg == 8 || reg == 9;
}

// libdwarf gives the address of an operand's block as a number.
const std::uint8_t* block_of(Dwarf_Unsigned operand) {
  return std::bit_cast<const std::uint8_t*>(operand);
}

std::vector<bs_op> frame_ops(std::int64_t offset) {
  return {make_op(BS_OP_PUSH_REG, BS_RSP, 0, 0, static_cast<std::uint64_t>(offset + 8))};
}

}  // namespace

bs_op make_op(bs_op_code code, std::uint8_t a, std::uint16_t b, std::uint32_t c, std::uint64_t d) {
  return {static_cast<std::uint8_t>(code), a, b, c, d};
}

ValueSource unavailable_source(Unavailable reason, std::string why) {
  return {reason, std::move(why), false, {}};
}

struct LocationReader::Evaluation {
  std::vector<Term> stack;
  std::vector<Piece> pieces;
  Piece current;
  bool decided = false;         // `current` is a register, value or bytes
  bool whole_function = false;  // one expression for all of the function's addresses
  std::string problem;

  bool fail(std::string why) {
    problem = std::move(why);
    return false;
  }
  void decide(Piece piece) {
    current = std::move(piece);
    decided = true;
  }
  Piece take() {
    Piece piece = std::move(current);
    if (!decided && !stack.empty()) {
      piece.kind = Piece::Kind::kMemory;
      piece.term = stack.back();
    }
    current = {};
    decided = false;
    stack.clear();
    return piece;
  }
};

LocationReader::LocationReader(const DwarfSession& session, const Die& function, std::uint64_t site,
                               const Prologue& prologue, bool keeps_stack)
    : session_(session),
      site_(site),
      prologue_(prologue),
      keeps_stack_(keeps_stack),
      frame_base_(function.block(DW_AT_frame_base)) {
  const Unit* unit = session.unit_of(function.key());
  const Die top = unit ? session.die(unit->die) : Die();
  const char* producer = top ? top.text(DW_AT_producer) : nullptr;
  follows_moves_ = !producer || !std::strstr(producer, "-fno-var-tracking");
}

ValueSource LocationReader::locate(const Die& variable, std::uint64_t size) const {
  if (const auto constant = variable.unsigned_value(DW_AT_const_value); constant && size <= 8) {
    return {Unavailable::kNone, {}, false, {make_op(BS_OP_PUSH_CONST, 0, 0, 0, *constant)}};
  }
  const DieAttribute attribute(variable, DW_AT_location);
  if (!attribute)
    return unavailable_source(Unavailable::kOptimizedOut, "the compiler kept no location for it");
  Dwarf_Loc_Head_c head = nullptr;
  Dwarf_Unsigned count = 0;
  Dwarf_Error error = nullptr;
  if (dwarf_get_loclist_c(attribute.handle(), &head, &count, &error) != DW_DLV_OK) {
    if (error) dwarf_dealloc_error(session_.handle(), error);
    return unavailable_source(Unavailable::kOptimizedOut, "its location cannot be read");
  }
  ValueSource result = unavailable_source(Unavailable::kOptimizedOut,
                                          "the debug information has no location for it at the probe site");
  for (Dwarf_Unsigned i = 0; i < count && i < kMaxEntries; ++i) {
    Dwarf_Small kind = 0;
    Dwarf_Small source = 0;
    Dwarf_Unsigned raw[2] = {};
    Dwarf_Addr low = 0;
    Dwarf_Addr high = 0;
    Dwarf_Unsigned ops = 0;
    Dwarf_Unsigned ignored[2] = {};
    Dwarf_Bool unresolved = 0;
    Dwarf_Locdesc_c expression = nullptr;
    Dwarf_Error entry_error = nullptr;
    if (dwarf_get_locdesc_entry_d(head, i, &kind, &raw[0], &raw[1], &unresolved, &low, &high, &ops,
                                  &expression, &source, &ignored[0], &ignored[1],
                                  &entry_error) != DW_DLV_OK) {
      if (entry_error) dwarf_dealloc_error(session_.handle(), entry_error);
      break;
    }
    const bool whole_function = source == 0;
    const bool is_entry = whole_function || kind == DW_LLE_offset_pair || kind == DW_LLE_start_end ||
                          kind == DW_LLE_start_length || kind == DW_LLE_startx_endx ||
                          kind == DW_LLE_startx_length || kind == DW_LLE_default_location;
    if (!is_entry || unresolved) continue;
    const bool applies = whole_function || kind == DW_LLE_default_location || (site_ >= low && site_ < high);
    if (!applies) continue;
    result = combine(evaluate(expression, ops, variable, whole_function), size);
    break;
  }
  dwarf_loc_head_c_dealloc(head);
  return result;
}

std::vector<LocationReader::Piece> LocationReader::evaluate(Dwarf_Locdesc_c expression, Dwarf_Unsigned count,
                                                            const Die& variable, bool whole_function) const {
  Evaluation state;
  state.whole_function = whole_function;
  const auto unsupported = [&state] {
    Piece piece;
    piece.kind = Piece::Kind::kUnsupported;
    piece.why = state.problem;
    return std::vector<Piece>{piece};
  };
  if (count > kMaxOps) {
    state.problem = "its location is too complicated";
    return unsupported();
  }
  for (Dwarf_Unsigned i = 0; i < count; ++i) {
    Dwarf_Small atom = 0;
    Dwarf_Unsigned operand[3] = {};
    Dwarf_Unsigned raw[3] = {};
    Dwarf_Unsigned branch = 0;
    Dwarf_Error error = nullptr;
    if (dwarf_get_location_op_value_d(expression, i, &atom, &operand[0], &operand[1], &operand[2], &raw[0],
                                      &raw[1], &raw[2], &branch, &error) != DW_DLV_OK) {
      if (error) dwarf_dealloc_error(session_.handle(), error);
      state.problem = "its location cannot be read";
      return unsupported();
    }
    if (!step(state, variable, atom, operand[0], operand[1]) || state.stack.size() > kMaxStack) {
      if (state.problem.empty()) state.problem = "its location is not supported yet";
      return unsupported();
    }
  }
  if (state.pieces.empty() || state.decided || !state.stack.empty()) state.pieces.push_back(state.take());
  return state.pieces;
}

bool LocationReader::step(Evaluation& state, const Die& variable, std::uint8_t atom, Dwarf_Unsigned operand1,
                          Dwarf_Unsigned operand2) const {
  const auto as_signed = [](Dwarf_Unsigned value) { return static_cast<std::int64_t>(value); };
  const auto decide_register = [&](std::uint64_t reg) {
    Piece piece;
    piece.kind = Piece::Kind::kRegister;
    piece.reg = reg;
    // Without a list, the register is where the variable lives once it has been moved there.
    const bool is_late =
        state.whole_function && reg < kFirstVector && (!brings_argument(reg) || !follows_moves_);
    if (is_late) return state.fail("it is moved to its place only after the probe site");
    state.decide(std::move(piece));
    return true;
  };
  if (atom >= DW_OP_reg0 && atom <= DW_OP_reg31) return decide_register(atom - DW_OP_reg0);
  if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31) {
    state.stack.push_back(register_term(state, atom - DW_OP_breg0, as_signed(operand1)));
    return state.problem.empty();
  }
  switch (atom) {
    case DW_OP_regx:
      return decide_register(operand1);
    case DW_OP_bregx:
      state.stack.push_back(register_term(state, operand1, as_signed(operand2)));
      return state.problem.empty();
    case DW_OP_fbreg:
      state.stack.push_back(frame_term(state, as_signed(operand1)));
      return state.problem.empty();
    case DW_OP_call_frame_cfa: {
      Term term;
      term.is_frame = true;
      state.stack.push_back(term);
      return true;
    }
    case DW_OP_addr:
    case DW_OP_addrx:
    case DW_OP_GNU_addr_index: {
      Dwarf_Addr address = operand1;
      Dwarf_Error error = nullptr;
      if (atom != DW_OP_addr &&
          dwarf_debug_addr_index_to_addr(variable.handle(), operand1, &address, &error) != DW_DLV_OK) {
        if (error) dwarf_dealloc_error(session_.handle(), error);
        return state.fail("its address cannot be read");
      }
      Term term;
      term.ops = {make_op(BS_OP_PUSH_IP_REL, 0, 0, 0, address - site_)};
      state.stack.push_back(std::move(term));
      return true;
    }
    case DW_OP_stack_value: {
      if (state.stack.empty()) return false;
      Piece piece;
      piece.kind = Piece::Kind::kValue;
      piece.term = state.stack.back();
      state.decide(std::move(piece));
      return true;
    }
    case DW_OP_implicit_value: {
      const auto* bytes = block_of(operand2);
      if (!bytes || operand1 > 16) return false;
      Piece piece;
      piece.kind = Piece::Kind::kBytes;
      piece.bytes.assign(bytes, bytes + operand1);
      state.decide(std::move(piece));
      return true;
    }
    case DW_OP_entry_value:
    case DW_OP_GNU_entry_value: {
      // At the entry site the value at entry is the register's value now.
      const auto* bytes = block_of(operand2);
      if (!bytes || operand1 != 1 || bytes[0] < DW_OP_reg0 || bytes[0] >= DW_OP_reg16) return false;
      Term term;
      term.ops = {make_op(BS_OP_PUSH_REG, static_cast<std::uint8_t>(bytes[0] - DW_OP_reg0))};
      state.stack.push_back(std::move(term));
      return true;
    }
    case DW_OP_piece: {
      Piece piece = state.take();
      piece.size = operand1;
      state.pieces.push_back(std::move(piece));
      return operand1 > 0 && state.pieces.size() <= 8;
    }
    case DW_OP_deref:
      return dereference(state);
    case DW_OP_nop:
      return true;
    case DW_OP_implicit_pointer:
    case DW_OP_GNU_implicit_pointer:
      return state.fail("it points to a value that was optimised out");
    case DW_OP_form_tls_address:
    case DW_OP_GNU_push_tls_address:
      return state.fail("thread-local variables are not supported yet");
    default:
      return arithmetic(state, atom, operand1);
  }
}

bool LocationReader::arithmetic(Evaluation& state, std::uint8_t atom, Dwarf_Unsigned operand) const {
  if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31) operand = atom - DW_OP_lit0;
  const bool is_constant =
      (atom >= DW_OP_lit0 && atom <= DW_OP_lit31) || (atom >= DW_OP_const1u && atom <= DW_OP_consts);
  if (is_constant) {
    Term term;
    term.ops = {make_op(BS_OP_PUSH_CONST, 0, 0, 0, operand)};
    state.stack.push_back(std::move(term));
    return true;
  }
  if (atom == DW_OP_plus_uconst) {
    if (state.stack.empty()) return false;
    Term& top = state.stack.back();
    if (top.is_frame) {
      top.offset += static_cast<std::int64_t>(operand);
    } else {
      top.ops.push_back(make_op(BS_OP_ADD_CONST, 0, 0, 0, operand));
    }
    return true;
  }
  const auto code = atom == DW_OP_plus    ? BS_OP_ADD
                    : atom == DW_OP_minus ? BS_OP_SUB
                    : atom == DW_OP_mul   ? BS_OP_MUL
                                          : BS_OP_END;
  if (code == BS_OP_END || state.stack.size() < 2) return false;
  const Term right = state.stack.back();
  state.stack.pop_back();
  Term& left = state.stack.back();
  if (right.is_frame || left.is_frame) return false;
  left.ops.insert(left.ops.end(), right.ops.begin(), right.ops.end());
  left.ops.push_back(make_op(code));
  return true;
}

LocationReader::Term LocationReader::register_term(Evaluation& state, std::uint64_t reg,
                                                   std::int64_t offset) const {
  Term term;
  if (reg == kRsp) {
    term.is_frame = true;
    // In a list, RSP at the site; otherwise RSP once the frame is set up.
    const bool is_late = state.whole_function && !keeps_stack_;
    term.offset = offset + (is_late ? prologue_.rsp.value_or(0) : -8);
    term.needs_spill = is_late;
    return term;
  }
  if (reg == kRbp && state.whole_function) {
    term.is_frame = true;
    term.offset = offset + prologue_.rbp.value_or(0);
    term.needs_spill = !prologue_.rbp;
    if (!prologue_.rbp) state.problem = "its frame is not set up in a way that can be followed";
    return term;
  }
  if (reg > BS_R15 || (state.whole_function && (!brings_argument(reg) || !follows_moves_))) {
    state.problem = "it is moved to its place only after the probe site";
    return term;
  }
  term.ops = {
      make_op(BS_OP_PUSH_REG, static_cast<std::uint8_t>(reg), 0, 0, static_cast<std::uint64_t>(offset))};
  return term;
}

LocationReader::Term LocationReader::frame_term(Evaluation& state, std::int64_t offset) const {
  if (frame_base_.size() == 1 && frame_base_[0] == DW_OP_call_frame_cfa) {
    Term term;
    term.is_frame = true;
    term.offset = offset;
    return term;
  }
  if (frame_base_.size() == 1 && (frame_base_[0] == DW_OP_reg6 || frame_base_[0] == DW_OP_reg7)) {
    return register_term(state, frame_base_[0] - DW_OP_reg0, offset);
  }
  state.problem = "its frame base is not supported yet";
  return {};
}

bool LocationReader::dereference(Evaluation& state) const {
  if (state.stack.empty()) return false;
  Term& top = state.stack.back();
  if (top.is_frame && (top.offset < 0 || top.needs_spill)) {
    const Spill* spill = prologue_.find(top.offset, 8);
    if (!spill || spill->reg < 0) return state.fail("it is stored to the stack only after the probe site");
    top = {};
    top.ops = {make_op(BS_OP_PUSH_REG, static_cast<std::uint8_t>(spill->reg))};
    return true;
  }
  if (top.is_frame) {
    top.ops = frame_ops(top.offset);
    top.is_frame = false;
  }
  top.ops.push_back(make_op(BS_OP_LOAD, 8));
  return true;
}

ValueSource LocationReader::combine(const std::vector<Piece>& pieces, std::uint64_t size) const {
  for (const Piece& piece : pieces) {
    if (piece.kind == Piece::Kind::kUnsupported)
      return unavailable_source(Unavailable::kOptimizedOut, piece.why);
    if (piece.kind == Piece::Kind::kNone) {
      return unavailable_source(Unavailable::kOptimizedOut, "the compiler kept no location for all of it");
    }
    if (piece.kind == Piece::Kind::kRegister && piece.reg >= kFirstVector && piece.reg <= kLastVector) {
      return unavailable_source(Unavailable::kInVectorRegister,
                                "it is in a vector register at the probe site");
    }
    if (piece.kind == Piece::Kind::kRegister && piece.reg > BS_R15) {
      return unavailable_source(Unavailable::kUnsupportedType,
                                "it is in a register that is not captured yet");
    }
  }
  if (pieces.size() == 1 && pieces[0].kind == Piece::Kind::kMemory) return from_memory(pieces[0].term, size);
  return from_slots(pieces, size);
}

ValueSource LocationReader::from_memory(const Term& term, std::uint64_t size) const {
  if (!term.is_frame) return {Unavailable::kNone, {}, true, term.ops};
  // Above the return address lie the arguments that the caller put there.
  if (term.offset >= 0 && !term.needs_spill) return {Unavailable::kNone, {}, true, frame_ops(term.offset)};
  ValueSource result;
  for (std::uint64_t at = 0; at < size && size <= 16; at += 8) {
    const auto bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(8, size - at));
    const Spill* spill = prologue_.find(term.offset + static_cast<std::int64_t>(at), bytes);
    if (!spill) break;
    if (spill->is_vector) {
      return unavailable_source(Unavailable::kInVectorRegister,
                                "it is in a vector register at the probe site");
    }
    result.ops.push_back(make_op(BS_OP_PUSH_REG, static_cast<std::uint8_t>(spill->reg)));
  }
  if (size == 0 || size > 16 || result.ops.size() != (size + 7) / 8) {
    return unavailable_source(Unavailable::kOptimizedOut,
                              "it is stored to the stack only after the probe site");
  }
  return result;
}

ValueSource LocationReader::from_slots(const std::vector<Piece>& pieces, std::uint64_t size) const {
  ValueSource result;
  std::uint64_t covered = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const Piece& piece = pieces[i];
    const bool is_last = i + 1 == pieces.size();
    const std::uint64_t bytes = piece.size ? piece.size : size - covered;
    if (piece.kind == Piece::Kind::kRegister) {
      result.ops.push_back(make_op(BS_OP_PUSH_REG, static_cast<std::uint8_t>(piece.reg)));
    } else if (piece.kind == Piece::Kind::kValue) {
      const auto ops = piece.term.is_frame ? frame_ops(piece.term.offset) : piece.term.ops;
      if (piece.term.needs_spill) break;
      result.ops.insert(result.ops.end(), ops.begin(), ops.end());
    } else if (piece.kind == Piece::Kind::kBytes) {
      for (std::size_t at = 0; at < piece.bytes.size(); at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, &piece.bytes[at], std::min<std::size_t>(8, piece.bytes.size() - at));
        result.ops.push_back(make_op(BS_OP_PUSH_CONST, 0, 0, 0, word));
      }
    } else {
      break;
    }
    const std::uint64_t most = piece.kind == Piece::Kind::kBytes ? piece.bytes.size() : 8;
    if (bytes > most || (!is_last && bytes != 8)) break;
    covered += bytes;
    if (is_last && covered >= size && size <= 16 && size > 0) return result;
  }
  return unavailable_source(Unavailable::kOptimizedOut,
                            "it is scattered over places that are not captured yet");
}

}  // namespace backsight::probes
