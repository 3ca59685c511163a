#include "probes/frame_expression.h"

#include <dwarf.h>
#include <libdwarf.h>

#include <array>
#include <cstring>

namespace backsight::probes {
namespace {

constexpr std::size_t kMaxStack = 16;

class Evaluation {
 public:
  Evaluation(std::span<const std::uint8_t> code, const FrameState& state) : code_(code), state_(state) {}

  bool push(std::optional<std::uint64_t> value) {
    if (!value || count_ == stack_.size()) return false;
    stack_[count_++] = *value;
    return true;
  }

  std::optional<std::uint64_t> run() {
    while (at_ < code_.size()) {
      if (!step(code_[at_++])) return std::nullopt;
    }
    return pop();
  }

 private:
  std::optional<std::uint64_t> pop() {
    if (count_ == 0) return std::nullopt;
    return stack_[--count_];
  }

  template <class T>
  std::optional<std::uint64_t> constant() {
    T value{};
    if (code_.size() - at_ < sizeof value) return std::nullopt;
    std::memcpy(&value, code_.data() + at_, sizeof value);
    at_ += sizeof value;
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
  }

  // libdwarf takes non-const pointers, and does not write.
  std::optional<std::uint64_t> unsigned_leb() {
    Dwarf_Unsigned length = 0, value = 0;
    auto* begin = reinterpret_cast<char*>(const_cast<std::uint8_t*>(code_.data()));
    if (dwarf_decode_leb128(begin + at_, &length, &value, begin + code_.size()) != DW_DLV_OK)
      return std::nullopt;
    at_ += length;
    return value;
  }
  std::optional<std::uint64_t> signed_leb() {
    Dwarf_Unsigned length = 0;
    Dwarf_Signed value = 0;
    auto* begin = reinterpret_cast<char*>(const_cast<std::uint8_t*>(code_.data()));
    if (dwarf_decode_signed_leb128(begin + at_, &length, &value, begin + code_.size()) != DW_DLV_OK)
      return std::nullopt;
    at_ += length;
    return static_cast<std::uint64_t>(value);
  }

  bool binary(std::uint8_t operation) {
    const auto y = pop();
    const auto x = pop();
    if (!x || !y) return false;
    switch (operation) {
      case DW_OP_and:
        return push(*x & *y);
      case DW_OP_minus:
        return push(*x - *y);
      case DW_OP_plus:
        return push(*x + *y);
      case DW_OP_shl:
        return push(*y < 64 ? *x << *y : 0);
      case DW_OP_ge:
        return push(static_cast<std::int64_t>(*x) >= static_cast<std::int64_t>(*y) ? 1 : 0);
      default:
        return false;
    }
  }

  bool step(std::uint8_t operation) {
    if (operation >= DW_OP_lit0 && operation <= DW_OP_lit31) return push(operation - DW_OP_lit0);
    if (operation >= DW_OP_breg0 && operation <= DW_OP_breg31) {
      const auto value = state_.reg(operation - DW_OP_breg0);
      const auto offset = signed_leb();
      return value && offset && push(*value + *offset);
    }
    switch (operation) {
      case DW_OP_deref: {
        const auto address = pop();
        return address && push(state_.word(*address));
      }
      case DW_OP_const1u:
        return push(constant<std::uint8_t>());
      case DW_OP_const1s:
        return push(constant<std::int8_t>());
      case DW_OP_const2u:
        return push(constant<std::uint16_t>());
      case DW_OP_const2s:
        return push(constant<std::int16_t>());
      case DW_OP_const4u:
        return push(constant<std::uint32_t>());
      case DW_OP_const4s:
        return push(constant<std::int32_t>());
      case DW_OP_constu:
        return push(unsigned_leb());
      case DW_OP_consts:
        return push(signed_leb());
      case DW_OP_plus_uconst: {
        const auto value = pop();
        const auto offset = unsigned_leb();
        return value && offset && push(*value + *offset);
      }
      case DW_OP_nop:
        return true;
      default:
        return binary(operation);
    }
  }

  std::span<const std::uint8_t> code_;
  const FrameState& state_;
  std::size_t at_ = 0;
  std::array<std::uint64_t, kMaxStack> stack_{};
  std::size_t count_ = 0;
};

}  // namespace

std::optional<std::uint64_t> evaluate_frame_expression(std::span<const std::uint8_t> code,
                                                       std::optional<std::uint64_t> first,
                                                       const FrameState& state) {
  Evaluation evaluation(code, state);
  if (first && !evaluation.push(first)) return std::nullopt;
  return evaluation.run();
}

}  // namespace backsight::probes
