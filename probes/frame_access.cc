#include "probes/frame_access.h"

#include "probes/register_numbers.h"

namespace backsight::probes {

namespace {

using Kind = FrameAccess::Kind;

// Those that calls need not keep (System V ABI, figure 3.4).
constexpr std::uint32_t kLostByCalls = 1u << BS_RAX | 1u << BS_RDX | 1u << BS_RCX | 1u << BS_RSI |
                                       1u << BS_RDI | 1u << BS_R8 | 1u << BS_R9 | 1u << BS_R10 | 1u << BS_R11;

int whole_register(const ZydisDecodedOperand& operand) {
  const bool is_whole = operand.type == ZYDIS_OPERAND_TYPE_REGISTER && operand.size == 64;
  return is_whole ? dwarf_register(operand.reg.value) : -1;
}

bool only_writes(const ZydisDecodedOperand& operand) {
  return (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) == ZYDIS_OPERAND_ACTION_WRITE &&
         (operand.actions & ZYDIS_OPERAND_ACTION_MASK_READ) == 0;
}

class AccessReader {
 public:
  AccessReader(const FrameTable& frames, std::uint64_t address, const ZydisDecodedInstruction& in,
               const ZydisDecodedOperand* operands)
      : frames_(frames), address_(address), in_(in), operands_(operands) {}

  FrameAccess read();

 private:
  void move();
  void address();
  void store(const ZydisDecodedOperand& operand);
  void use(const ZydisDecodedOperand& operand);
  void copy(int to, int from, std::int64_t amount);
  // Notes where it is in the frame; false: not known.
  bool place(int base, std::int64_t displacement);
  static bool is_frame(const ZydisDecodedOperand& operand) {
    return operand.mem.base == ZYDIS_REGISTER_RSP || operand.mem.base == ZYDIS_REGISTER_RBP;
  }
  static bool is_plain(const ZydisDecodedOperand& operand) {
    return operand.mem.index == ZYDIS_REGISTER_NONE && operand.mem.segment != ZYDIS_REGISTER_FS &&
           operand.mem.segment != ZYDIS_REGISTER_GS;
  }
  static std::int64_t displacement(const ZydisDecodedOperand& operand) {
    return operand.mem.disp.has_displacement ? operand.mem.disp.value : 0;
  }

  const FrameTable& frames_;
  std::uint64_t address_;
  const ZydisDecodedInstruction& in_;
  const ZydisDecodedOperand* operands_;
  FrameAccess access_;
};

bool AccessReader::place(int base, std::int64_t displacement) {
  const auto cfa = frames_.at(address_);
  if (!cfa || cfa->reg != base) return false;
  access_.offset = displacement - cfa->offset;
  return true;
}

void AccessReader::copy(int to, int from, std::int64_t amount) {
  access_.reg = to;
  if (place(from, amount)) {
    access_.kind = Kind::kAddress;
  } else if (from == BS_RSP) {
    access_.is_unknown = true;
  } else {
    access_.kind = Kind::kCopy;
    access_.source = from;
    access_.offset = amount;
  }
}

void AccessReader::move() {
  const int to = whole_register(operands_[0]);
  const int from = whole_register(operands_[1]);
  if (to < 0) return;
  if (from >= 0) return copy(to, from, 0);
  const ZydisDecodedOperand& memory = operands_[1];
  if (memory.type != ZYDIS_OPERAND_TYPE_MEMORY || !is_frame(memory) || !is_plain(memory)) return;
  if (!place(dwarf_register(memory.mem.base), displacement(memory))) return;
  access_.kind = Kind::kLoad;
  access_.reg = to;
}

void AccessReader::address() {
  const ZydisDecodedOperand& memory = operands_[1];
  const int base = dwarf_register(memory.mem.base);
  if (base < 0) return;
  const bool is_known = memory.mem.index == ZYDIS_REGISTER_NONE;
  if (is_known && whole_register(operands_[0]) >= 0)
    return copy(whole_register(operands_[0]), base, displacement(memory));
  // Of an element, wherever in the array that begins there.
  if (is_frame(memory)) {
    if (place(base, displacement(memory)))
      access_.kind = Kind::kAddress;
    else
      access_.is_unknown |= base == BS_RSP;
  }
}

void AccessReader::store(const ZydisDecodedOperand& operand) {
  if (!only_writes(operand)) use(operand);
  if (access_.kind == Kind::kRead) return;
  const int base = dwarf_register(operand.mem.base);
  const bool is_known = is_plain(operand) && only_writes(operand);
  access_.size = operand.size / 8;
  if (!is_known || !is_frame(operand) || !place(base, displacement(operand))) {
    access_.is_elsewhere = true;
    access_.source = is_known ? base : -1;
    access_.offset = displacement(operand);
    return;
  }
  access_.kind = Kind::kStore;
  if (in_.mnemonic == ZYDIS_MNEMONIC_MOV) access_.reg = whole_register(operands_[1]);
}

// Also of what is then changed in place.
void AccessReader::use(const ZydisDecodedOperand& operand) {
  if (is_frame(operand) && is_plain(operand) &&
      place(dwarf_register(operand.mem.base), displacement(operand)))
    access_.kind = Kind::kRead;
}

FrameAccess AccessReader::read() {
  if (in_.meta.category == ZYDIS_CATEGORY_CALL) access_.written = kLostByCalls;
  for (int i = 0; i < in_.operand_count; ++i) {
    const ZydisDecodedOperand& operand = operands_[i];
    if (!(operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)) continue;
    if (operand.type == ZYDIS_OPERAND_TYPE_REGISTER) {
      const int reg = dwarf_register(operand.reg.value);
      if (reg >= 0) access_.written |= 1u << reg;
    } else if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY) {
      // What is pushed are arguments and saved registers.
      const bool is_push =
          operand.visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN && operand.mem.base == ZYDIS_REGISTER_RSP;
      if (!is_push) store(operand);
    }
  }
  if (access_.kind != Kind::kNone || access_.is_elsewhere) return access_;
  if (in_.mnemonic == ZYDIS_MNEMONIC_MOV) move();
  if (in_.mnemonic == ZYDIS_MNEMONIC_LEA) address();
  const bool adds = in_.mnemonic == ZYDIS_MNEMONIC_ADD || in_.mnemonic == ZYDIS_MNEMONIC_SUB;
  if (adds && whole_register(operands_[0]) >= 0 && whole_register(operands_[0]) != BS_RSP &&
      operands_[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
    const std::int64_t amount = operands_[1].imm.value.s;
    const int reg = whole_register(operands_[0]);
    copy(reg, reg, in_.mnemonic == ZYDIS_MNEMONIC_ADD ? amount : -amount);
  }
  for (int i = 0; i < in_.operand_count && access_.kind == Kind::kNone; ++i) {
    const ZydisDecodedOperand& operand = operands_[i];
    const bool reads = operand.type == ZYDIS_OPERAND_TYPE_MEMORY &&
                       operand.mem.type == ZYDIS_MEMOP_TYPE_MEM &&
                       (operand.actions & ZYDIS_OPERAND_ACTION_MASK_READ) != 0;
    if (reads) use(operand);
  }
  return access_;
}

}  // namespace

FrameAccess read_frame_access(const FrameTable& frames, std::uint64_t address,
                              const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands) {
  return AccessReader(frames, address, in, operands).read();
}

}  // namespace backsight::probes
