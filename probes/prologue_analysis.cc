// One idea (the straight code behind an entry, executed symbolically), and therefore one file.
#include "probes/prologue.h"

#include "probes/argument_registers.h"
#include "probes/register_numbers.h"

#include <Zydis/Zydis.h>

#include <algorithm>
#include <array>

namespace backsight::probes {

namespace {

constexpr int kMaxInstructions = 96;
constexpr std::uint64_t kMaxBytes = 1024;
constexpr std::int64_t kReturnSlot = -8;  // of the return address, relative to CFA

bool is_high_byte(ZydisRegister reg) {
  return reg == ZYDIS_REGISTER_AH || reg == ZYDIS_REGISTER_BH || reg == ZYDIS_REGISTER_CH ||
         reg == ZYDIS_REGISTER_DH;
}

// Instructions that can fault or do more than compute, whatever their operands are.
bool is_loud(const ZydisDecodedInstruction& in) {
  switch (in.meta.category) {
    case ZYDIS_CATEGORY_CALL:
    case ZYDIS_CATEGORY_RET:
    case ZYDIS_CATEGORY_COND_BR:
    case ZYDIS_CATEGORY_UNCOND_BR:
    case ZYDIS_CATEGORY_SYSCALL:
    case ZYDIS_CATEGORY_SYSRET:
    case ZYDIS_CATEGORY_SYSTEM:
    case ZYDIS_CATEGORY_INTERRUPT:
    case ZYDIS_CATEGORY_IO:
    case ZYDIS_CATEGORY_IOSTRINGOP:
    case ZYDIS_CATEGORY_STRINGOP:
      return true;
    default:
      break;
  }
  constexpr ZydisInstructionAttributes kPrefixes =
      ZYDIS_ATTRIB_HAS_LOCK | ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE;
  return (in.attributes & kPrefixes) != 0 || in.mnemonic == ZYDIS_MNEMONIC_DIV ||
         in.mnemonic == ZYDIS_MNEMONIC_IDIV || in.mnemonic == ZYDIS_MNEMONIC_UD2;
}

using Value = PrologueValue;

class Machine {
 public:
  Machine() {
    for (int i = 0; i < 16; ++i) registers_[i] = {.kind = Value::Kind::kEntry, .reg = i};
    registers_[7] = {.kind = Value::Kind::kFrame, .offset = -8};  // RSP at entry
    for (int i = 0; i < 8; ++i) vectors_[i] = {.kind = Value::Kind::kVector, .reg = i};
  }

  // False where straight-line code ends.
  bool step(std::uint64_t address, const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands) {
    steps_.push_back({address, frame_of(7), frame_of(6), written_, registers_, is_quiet_});
    is_quiet_ = is_quiet_ && keeps_quiet(in, operands);
    for (int i = 0; i < in.operand_count; ++i) note_write(operands[i]);
    const std::size_t before = spills_.size();
    const bool goes_on = execute(in, operands);
    for (std::size_t i = before; i < spills_.size(); ++i) spills_[i].done_at = address + in.length;
    return goes_on;
  }

  Prologue result() const {
    Prologue prologue;
    prologue.spills = spills_;
    if (is_mixed_) std::erase_if(prologue.spills, [](const Spill& it) { return is_realigned(it.offset); });
    prologue.steps = steps_;
    prologue.rsp = frame_of(7);
    prologue.rbp = frame_of(6);
    return prologue;
  }

 private:
  std::optional<std::int64_t> frame_of(int reg) const {
    const Value& value = registers_[static_cast<std::size_t>(reg)];
    return value.kind == Value::Kind::kFrame ? std::optional(value.offset) : std::nullopt;
  }

  // Everything it touches is a register, memory of its own frame, or is only read
  // from where the program always may read.
  bool keeps_quiet(const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands) const {
    if (is_loud(in)) return false;
    for (int i = 0; i < in.operand_count; ++i) {
      const ZydisDecodedOperand& operand = operands[i];
      if (operand.type != ZYDIS_OPERAND_TYPE_MEMORY || operand.mem.type == ZYDIS_MEMOP_TYPE_AGEN) continue;
      if (in.mnemonic == ZYDIS_MNEMONIC_NOP || in.mnemonic == ZYDIS_MNEMONIC_ENDBR64) continue;
      if (in.mnemonic == ZYDIS_MNEMONIC_PUSH && operand.visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN) {
        if (!frame_of(7)) return false;
        continue;
      }
      if (!is_own_memory(operand)) return false;
    }
    return true;
  }

  bool is_own_memory(const ZydisDecodedOperand& operand) const {
    const bool writes = (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
    const auto offset = frame_offset(operand);
    if (writes) return offset && *offset + std::max<std::int64_t>(operand.size / 8, 1) <= kReturnSlot;
    const bool is_canary = operand.mem.segment == ZYDIS_REGISTER_FS &&
                           operand.mem.base == ZYDIS_REGISTER_NONE &&
                           operand.mem.index == ZYDIS_REGISTER_NONE;
    return offset.has_value() || operand.mem.base == ZYDIS_REGISTER_RIP || is_canary;
  }

  void note_write(const ZydisDecodedOperand& operand) {
    if (operand.type != ZYDIS_OPERAND_TYPE_REGISTER) return;
    if (!(operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)) return;
    const int reg = dwarf_register(operand.reg.value);
    if (reg >= 0 && reg != 7) written_ |= 1u << reg;
  }

  bool execute(const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands) {
    pending_store_ = nullptr;
    switch (in.meta.category) {
      case ZYDIS_CATEGORY_CALL:
      case ZYDIS_CATEGORY_RET:
      case ZYDIS_CATEGORY_COND_BR:
      case ZYDIS_CATEGORY_UNCOND_BR:
      case ZYDIS_CATEGORY_SYSCALL:
      case ZYDIS_CATEGORY_INTERRUPT:
        return false;
      default:
        break;
    }
    if (in.mnemonic == ZYDIS_MNEMONIC_PUSH && in.operand_width == 64) return push(operands[0]);
    if (in.mnemonic == ZYDIS_MNEMONIC_MOV && move(operands)) return true;
    if (move_vector(in, operands) || move_x87(in, operands)) return true;
    if (in.mnemonic == ZYDIS_MNEMONIC_AND && (mask_bool(operands) || realign(operands))) return true;
    if ((in.mnemonic == ZYDIS_MNEMONIC_SUB || in.mnemonic == ZYDIS_MNEMONIC_ADD) && adjust(in, operands))
      return true;
    if (in.mnemonic == ZYDIS_MNEMONIC_LEA && load_address(operands)) return true;
    if (in.mnemonic == ZYDIS_MNEMONIC_SHR && shift(operands)) return true;
    stores_low_ = is_low_store(in.mnemonic);
    for (int i = 0; i < in.operand_count; ++i) clobber(operands[i]);
    return true;
  }

  bool push(const ZydisDecodedOperand& operand) {
    if (registers_[7].kind != Value::Kind::kFrame && registers_[7].kind != Value::Kind::kSlot) return false;
    registers_[7].offset -= 8;
    Spill spill{.offset = registers_[7].offset, .size = 8, .value = {}, .is_push = true};
    const int reg = operand.type == ZYDIS_OPERAND_TYPE_REGISTER ? dwarf_register(operand.reg.value) : -1;
    if (reg >= 0) spill.value = registers_[reg];
    // Others are saved, or make room (clang: push %rax) for what is stored there later.
    if (brings_argument(spill.whole_register())) store(spill);
    return true;
  }

  bool move(const ZydisDecodedOperand* operands) {
    const ZydisDecodedOperand& to = operands[0];
    const ZydisDecodedOperand& from = operands[1];
    if (from.type == ZYDIS_OPERAND_TYPE_MEMORY) return load(to, from);
    const bool from_register = from.type == ZYDIS_OPERAND_TYPE_REGISTER &&
                               dwarf_register(from.reg.value) >= 0 && !is_high_byte(from.reg.value);
    if (!from_register) return false;
    const Value& value = registers_[dwarf_register(from.reg.value)];
    const std::uint32_t bytes = from.size / 8;
    if (to.type == ZYDIS_OPERAND_TYPE_REGISTER) return set_register(to, value, bytes);
    const auto offset = slot_offset(to);
    if (!offset) return to.type == ZYDIS_OPERAND_TYPE_MEMORY;  // a store elsewhere changes no register
    store({.offset = *offset, .size = bytes, .value = cut(value, bytes)});
    return true;
  }

  // What is left of a value in its low bytes: an address is not cut.
  static Value cut(Value value, std::uint32_t bytes) {
    if (bytes < 8 && (value.kind == Value::Kind::kFrame || value.kind == Value::Kind::kSlot)) return {};
    if (value.kind != Value::Kind::kVector) value.width = std::min(value.width, bytes);
    return value;
  }

  bool set_register(const ZydisDecodedOperand& to, const Value& value, std::uint32_t bytes) {
    const int reg = dwarf_register(to.reg.value);
    if (reg < 0 || is_high_byte(to.reg.value)) return false;
    registers_[reg] = cut(value, bytes);
    registers_[reg].is_extended &= bytes >= 4;  // narrower moves leave the rest as it was
    return true;
  }

  // "and al, 1" before a bool is stored: the ABI says that it is 0 or 1 already.
  bool mask_bool(const ZydisDecodedOperand* operands) const {
    const ZydisDecodedOperand& to = operands[0];
    const bool is_mask = to.type == ZYDIS_OPERAND_TYPE_REGISTER && to.size == 8 &&
                         operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE && operands[1].imm.value.u == 1;
    const int reg = is_mask && !is_high_byte(to.reg.value) ? dwarf_register(to.reg.value) : -1;
    return reg >= 0 && registers_[reg].width == 1;
  }

  // Long doubles are copied through the x87 stack.
  bool move_x87(const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands) {
    const ZydisDecodedOperand* memory =
        std::find_if(operands, operands + in.operand_count, [](const ZydisDecodedOperand& operand) {
          return operand.type == ZYDIS_OPERAND_TYPE_MEMORY && operand.size == 80;
        });
    if (memory == operands + in.operand_count) return false;
    if (in.mnemonic == ZYDIS_MNEMONIC_FLD) {
      x87_ = loaded(*memory);
      return true;
    }
    const auto offset = slot_offset(*memory);
    if (in.mnemonic != ZYDIS_MNEMONIC_FSTP || !offset) return false;
    store({.offset = *offset, .size = 10, .value = x87_});
    x87_ = {};
    return true;
  }

  bool load(const ZydisDecodedOperand& to, const ZydisDecodedOperand& from) {
    if (to.type != ZYDIS_OPERAND_TYPE_REGISTER) return false;
    return set_register(to, loaded(from), from.size / 8);
  }

  // What stands in the frame.
  Value loaded(const ZydisDecodedOperand& from) const {
    const auto offset = slot_offset(from);
    const std::uint32_t bytes = from.size / 8;
    if (!offset) return {};
    for (auto spill = spills_.rbegin(); spill != spills_.rend(); ++spill) {
      if (!spill->overlaps(*offset, bytes)) continue;
      const bool holds_all = spill->offset <= *offset && *offset + bytes <= spill->offset + spill->size;
      return holds_all ? part_of(spill->value, static_cast<std::uint32_t>(*offset - spill->offset), bytes)
                       : Value();
    }
    if (*offset < 0) return {};
    return {.kind = Value::Kind::kStack, .width = bytes, .offset = *offset};
  }

  // `bytes` of a value, without its `skipped` lowest.
  static Value part_of(Value value, std::uint32_t skipped, std::uint32_t bytes) {
    if (skipped == 0) return cut(value, bytes);
    switch (value.kind) {
      case Value::Kind::kVector:
        value.from += skipped;
        return value;
      case Value::Kind::kEntry:
        value.from += skipped;
        break;
      case Value::Kind::kStack:
        value.offset += skipped;
        break;
      default:
        return {};
    }
    if (value.width <= skipped) return {};
    value.width -= skipped;
    return cut(value, bytes);
  }

  // By whole bytes: what is left came higher in its register.
  bool shift(const ZydisDecodedOperand* operands) {
    const ZydisDecodedOperand& to = operands[0];
    const bool is_plain = to.type == ZYDIS_OPERAND_TYPE_REGISTER && to.size >= 32 &&
                          operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
                          operands[1].imm.value.u % 8 == 0 && operands[1].imm.value.u < to.size;
    const int reg = is_plain ? dwarf_register(to.reg.value) : -1;
    if (reg < 0 || registers_[reg].kind != Value::Kind::kEntry || !registers_[reg].is_extended) return false;
    registers_[reg] = part_of(cut(registers_[reg], to.size / 8),
                              static_cast<std::uint32_t>(operands[1].imm.value.u / 8), 8);
    return true;
  }

  // Moves one value from or to an XMM register, with the older encoding.
  static bool is_plain_move(ZydisMnemonic mnemonic) {
    switch (mnemonic) {
      case ZYDIS_MNEMONIC_MOVQ:
      case ZYDIS_MNEMONIC_MOVD:
      case ZYDIS_MNEMONIC_MOVSS:
      case ZYDIS_MNEMONIC_MOVSD:
      case ZYDIS_MNEMONIC_MOVAPS:
      case ZYDIS_MNEMONIC_MOVAPD:
      case ZYDIS_MNEMONIC_MOVUPS:
      case ZYDIS_MNEMONIC_MOVUPD:
        return true;
      default:
        return false;
    }
  }

  // Stores the low bytes of an XMM register.
  static bool is_low_store(ZydisMnemonic mnemonic) {
    switch (mnemonic) {
      case ZYDIS_MNEMONIC_MOVLPS:
      case ZYDIS_MNEMONIC_MOVLPD:
      case ZYDIS_MNEMONIC_MOVDQA:
      case ZYDIS_MNEMONIC_MOVDQU:
      case ZYDIS_MNEMONIC_VMOVQ:
      case ZYDIS_MNEMONIC_VMOVD:
      case ZYDIS_MNEMONIC_VMOVSS:
      case ZYDIS_MNEMONIC_VMOVSD:
      case ZYDIS_MNEMONIC_VMOVAPS:
      case ZYDIS_MNEMONIC_VMOVAPD:
      case ZYDIS_MNEMONIC_VMOVUPS:
      case ZYDIS_MNEMONIC_VMOVUPD:
      case ZYDIS_MNEMONIC_VMOVLPS:
      case ZYDIS_MNEMONIC_VMOVLPD:
      case ZYDIS_MNEMONIC_VMOVDQA:
      case ZYDIS_MNEMONIC_VMOVDQU:
        return true;
      default:
        return is_plain_move(mnemonic);
    }
  }

  // Moves of one value from or to an XMM register. False: not one.
  bool move_vector(const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands) {
    if (!is_plain_move(in.mnemonic)) return false;
    const ZydisDecodedOperand& to = operands[0];
    const ZydisDecodedOperand& from = operands[1];
    const int source = vector_register(from);
    const int target = vector_register(to);
    if (target >= 0) {
      vectors_[static_cast<std::size_t>(target)] = brings_vector(from);
      return true;
    }
    if (source < 0 || to.type != ZYDIS_OPERAND_TYPE_REGISTER) return false;
    const int reg = dwarf_register(to.reg.value);
    if (reg < 0) return false;
    registers_[reg] = vectors_[static_cast<std::size_t>(source)];
    return true;
  }

  Value brings_vector(const ZydisDecodedOperand& from) const {
    const int source = vector_register(from);
    if (source >= 0) return vectors_[static_cast<std::size_t>(source)];
    Value value;
    if (from.type == ZYDIS_OPERAND_TYPE_MEMORY) value = loaded(from);
    const int reg = from.type == ZYDIS_OPERAND_TYPE_REGISTER ? dwarf_register(from.reg.value) : -1;
    if (reg >= 0) value = registers_[reg];
    return value.kind == Value::Kind::kVector ? value : Value();
  }

  bool adjust(const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands) {
    const bool plain = operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER && operands[0].size == 64 &&
                       operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
    const int reg = plain ? dwarf_register(operands[0].reg.value) : -1;
    const auto kind = reg >= 0 ? registers_[reg].kind : Value::Kind::kUnknown;
    if (kind != Value::Kind::kFrame && kind != Value::Kind::kSlot) return false;
    const std::int64_t amount = operands[1].imm.value.s;
    registers_[reg].offset += in.mnemonic == ZYDIS_MNEMONIC_SUB ? -amount : amount;
    return true;
  }

  // "and rsp, -64".
  bool realign(const ZydisDecodedOperand* operands) {
    const bool is_rsp = operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
                        operands[0].reg.value == ZYDIS_REGISTER_RSP &&
                        operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
    const std::int64_t mask = is_rsp ? operands[1].imm.value.s : 0;
    const bool is_rounding = mask < 0 && (-mask & (-mask - 1)) == 0;
    if (!is_rounding || registers_[7].kind != Value::Kind::kFrame) return false;
    above_ = registers_[7].offset;
    registers_[7] = {.kind = Value::Kind::kSlot, .offset = kRealigned};
    return true;
  }

  bool load_address(const ZydisDecodedOperand* operands) {
    const int reg = dwarf_register(operands[0].reg.value);
    const auto offset = frame_offset(operands[1]);
    if (reg < 0 || operands[0].size != 64 || !offset) return false;
    registers_[reg] = {.kind = Value::Kind::kFrame, .offset = *offset};
    return true;
  }

  void clobber(const ZydisDecodedOperand& operand) {
    if (!(operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)) {
      remember_vector(operand);
      return;
    }
    if (operand.type == ZYDIS_OPERAND_TYPE_REGISTER) {
      const int reg = dwarf_register(operand.reg.value);
      if (reg >= 0) registers_[reg] = {};
      const int vector = vector_register(operand);
      if (vector >= 0) vectors_[static_cast<std::size_t>(vector)] = {};
    } else if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY) {
      const auto offset = slot_offset(operand);
      if (offset)
        store({.offset = *offset, .size = std::max<std::uint32_t>(1, operand.size / 8), .value = {}});
      pending_store_ = offset ? &spills_.back() : nullptr;
    }
  }

  // "movss [slot], xmm0": the operand after the slot that was just stored to.
  void remember_vector(const ZydisDecodedOperand& operand) {
    const int vector = vector_register(operand);
    if (vector >= 0 && pending_store_ && stores_low_)
      pending_store_->value = vectors_[static_cast<std::size_t>(vector)];
    pending_store_ = nullptr;
  }

  static int vector_register(const ZydisDecodedOperand& operand) {
    if (operand.type != ZYDIS_OPERAND_TYPE_REGISTER) return -1;
    const ZydisRegister reg = operand.reg.value;
    return reg >= ZYDIS_REGISTER_XMM0 && reg <= ZYDIS_REGISTER_XMM15 ? reg - ZYDIS_REGISTER_XMM0 : -1;
  }

  std::optional<std::int64_t> frame_offset(const ZydisDecodedOperand& operand) const {
    if (operand.type != ZYDIS_OPERAND_TYPE_MEMORY || operand.mem.index != ZYDIS_REGISTER_NONE)
      return std::nullopt;
    const int base = dwarf_register(operand.mem.base);
    if (base < 0 || registers_[base].kind != Value::Kind::kFrame) return std::nullopt;
    return registers_[base].offset + (operand.mem.disp.has_displacement ? operand.mem.disp.value : 0);
  }

  // A place of the frame, realigned or not.
  std::optional<std::int64_t> slot_offset(const ZydisDecodedOperand& operand) const {
    if (const auto offset = frame_offset(operand)) return offset;
    if (operand.type != ZYDIS_OPERAND_TYPE_MEMORY || operand.mem.index != ZYDIS_REGISTER_NONE)
      return std::nullopt;
    const int base = dwarf_register(operand.mem.base);
    if (base < 0 || registers_[base].kind != Value::Kind::kSlot) return std::nullopt;
    const std::int64_t offset =
        registers_[base].offset + (operand.mem.disp.has_displacement ? operand.mem.disp.value : 0);
    // Above what was rounded may lie what was there before.
    const bool is_below = is_realigned(offset) && offset + std::int64_t{operand.size} / 8 <= kRealigned;
    return is_below ? std::optional(offset) : std::nullopt;
  }

  void store(const Spill& spill) {
    // By its distance to CFA into the realigned part: perhaps into one of its slots.
    is_mixed_ = is_mixed_ || (above_ && !is_realigned(spill.offset) && spill.offset < *above_);
    spills_.push_back(spill);
  }

  std::array<Value, 16> registers_;
  std::array<Value, 16> vectors_;  // XMM registers; kVector, or not known
  std::vector<Spill> spills_;
  std::vector<PrologueStep> steps_;
  Value x87_;                          // the top of its stack, once something was loaded
  std::optional<std::int64_t> above_;  // RSP before it was rounded down
  bool is_mixed_ = false;
  std::uint32_t written_ = 0;
  bool is_quiet_ = true;
  Spill* pending_store_ = nullptr;
  bool stores_low_ = false;
};

}  // namespace

Prologue analyse_prologue(const ElfFile& binary, AddressRange range) {
  range.end = std::min(range.end, range.begin + kMaxBytes);
  const std::vector<std::uint8_t> bytes = binary.code(range);
  ZydisDecoder decoder;
  ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  Machine machine;
  std::size_t at = 0;
  for (int i = 0; i < kMaxInstructions && at < bytes.size(); ++i) {
    ZydisDecodedInstruction in;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes.data() + at, bytes.size() - at, &in, operands)))
      break;
    if (!machine.step(range.begin + at, in, operands)) break;
    at += in.length;
  }
  return machine.result();
}

}  // namespace backsight::probes
