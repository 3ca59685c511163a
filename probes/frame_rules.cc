#include "probes/frame_rules.h"

#include "probes/dwarf_die.h"
#include "probes/dwarf_sections.h"

#include <cstring>
#include <span>

namespace backsight::probes {
namespace {

constexpr std::size_t kMaxExpression = 256;

// libdwarf's view of one frame description.
class Description {
 public:
  Description(const std::shared_ptr<const ElfFile>& binary, const FrameSlice& slice)
      : sections_(DwarfSections::of_frames(binary, slice.bytes, slice.address)) {
    Dwarf_Error error = nullptr;
    if (dwarf_object_init_b(sections_->access(), nullptr, nullptr, DW_GROUPNUMBER_BASE, &debug_, &error) !=
        DW_DLV_OK) {
      if (error) dwarf_dealloc_error(nullptr, error);
      debug_ = nullptr;
      return;
    }
    // What no rule names is kept by the calling convention, or not needed.
    dwarf_set_frame_rule_initial_value(debug_, DW_FRAME_SAME_VAL);
    ErrorSlot slot(debug_);
    if (dwarf_get_fde_list_eh(debug_, &cies_, &cie_count_, &fdes_, &fde_count_, slot.out()) != DW_DLV_OK) {
      cies_ = nullptr;
      fdes_ = nullptr;
    }
  }
  Description(const Description&) = delete;
  Description& operator=(const Description&) = delete;
  ~Description() {
    Dwarf_Error error = nullptr;
    if (fdes_) dwarf_fde_cie_list_dealloc(debug_, cies_, cie_count_, fdes_, fde_count_);
    if (debug_) dwarf_object_finish(debug_, &error);
  }

  std::optional<FrameRules> rules_at(std::uint64_t address, std::uint64_t code) const {
    Dwarf_Fde fde = nullptr;
    Dwarf_Addr low = 0;
    Dwarf_Addr high = 0;
    ErrorSlot slot(debug_);
    if (!fdes_ || dwarf_get_fde_at_pc(fdes_, address, &fde, &low, &high, slot.out()) != DW_DLV_OK ||
        low != code)
      return std::nullopt;
    FrameRules rules;
    if (!read_cie(fde, rules) || !read_cfa(fde, address, rules.cfa)) return std::nullopt;
    for (std::size_t i = 0; i < rules.registers.size(); ++i) {
      if (!read_register(fde, address, static_cast<Dwarf_Half>(i), rules.registers[i])) return std::nullopt;
    }
    return rules;
  }

 private:
  bool read_cie(Dwarf_Fde fde, FrameRules& rules) const {
    ErrorSlot slot(debug_);
    Dwarf_Cie cie = nullptr;
    if (dwarf_get_cie_of_fde(fde, &cie, slot.out()) != DW_DLV_OK) return false;
    Dwarf_Unsigned bytes = 0, code_factor = 0, length = 0;
    Dwarf_Signed data_factor = 0;
    Dwarf_Small version = 0;
    Dwarf_Half return_column = 0, offset_size = 0;
    Dwarf_Ptr instructions = nullptr;
    char* augmentation = nullptr;
    ErrorSlot second(debug_);
    if (dwarf_get_cie_info_b(cie, &bytes, &version, &augmentation, &code_factor, &data_factor, &return_column,
                             &instructions, &length, &offset_size, second.out()) != DW_DLV_OK) {
      return false;
    }
    rules.is_signal = augmentation && std::strchr(augmentation, 'S') != nullptr;
    return return_column == BS_RIP;
  }

  static bool take_block(Dwarf_Ptr block, Dwarf_Signed size, FrameRule& rule) {
    if (!block || size <= 0 || static_cast<std::size_t>(size) > kMaxExpression) return false;
    const auto* begin = static_cast<const std::uint8_t*>(block);
    rule.expression.assign(begin, begin + size);
    return true;
  }

  bool read_cfa(Dwarf_Fde fde, std::uint64_t address, FrameRule& rule) const {
    ErrorSlot slot(debug_);
    Dwarf_Small kind = 0;
    Dwarf_Signed has_offset = 0, reg = 0, offset = 0;
    Dwarf_Ptr block = nullptr;
    Dwarf_Addr row = 0, next = 0;
    Dwarf_Bool has_more = 0;
    if (dwarf_get_fde_info_for_cfa_reg3_b(fde, address, &kind, &has_offset, &reg, &offset, &block, &row,
                                          &has_more, &next, slot.out()) != DW_DLV_OK) {
      return false;
    }
    if (kind == DW_EXPR_VAL_EXPRESSION || kind == DW_EXPR_EXPRESSION) {
      rule.kind = FrameRule::Kind::kIsExpression;
      return take_block(block, offset, rule);
    }
    rule = {FrameRule::Kind::kIs, static_cast<std::uint8_t>(reg), offset, {}};
    return kind == DW_EXPR_OFFSET && reg >= 0 && reg < BS_RIP;
  }

  bool read_register(Dwarf_Fde fde, std::uint64_t address, Dwarf_Half column, FrameRule& rule) const {
    ErrorSlot slot(debug_);
    Dwarf_Small kind = 0;
    Dwarf_Signed has_offset = 0, reg = 0, offset = 0;
    Dwarf_Ptr block = nullptr;
    Dwarf_Addr row = 0, next = 0;
    Dwarf_Bool has_more = 0;
    if (dwarf_get_fde_info_for_reg3_b(fde, column, address, &kind, &has_offset, &reg, &offset, &block, &row,
                                      &has_more, &next, slot.out()) != DW_DLV_OK) {
      return false;
    }
    using Kind = FrameRule::Kind;
    switch (kind) {
      case DW_EXPR_EXPRESSION:
        rule.kind = Kind::kAtExpression;
        return take_block(block, offset, rule);
      case DW_EXPR_VAL_EXPRESSION:
        rule.kind = Kind::kIsExpression;
        return take_block(block, offset, rule);
      case DW_EXPR_VAL_OFFSET:
        rule = {Kind::kIs, 0, offset, {}};
        return true;
      case DW_EXPR_OFFSET:
        break;
      default:
        return false;
    }
    if (reg == DW_FRAME_SAME_VAL) return true;
    if (reg == DW_FRAME_UNDEFINED_VAL) {
      rule.kind = Kind::kUndefined;
      return true;
    }
    if (has_offset) {
      rule = {Kind::kAt, 0, offset, {}};
      return true;
    }
    rule = {Kind::kRegister, static_cast<std::uint8_t>(reg), 0, {}};
    return reg >= 0 && static_cast<std::size_t>(reg) < kFrameRegisters;
  }

  std::unique_ptr<DwarfSections> sections_;
  Dwarf_Debug debug_ = nullptr;
  Dwarf_Cie* cies_ = nullptr;
  Dwarf_Fde* fdes_ = nullptr;
  Dwarf_Signed cie_count_ = 0;
  Dwarf_Signed fde_count_ = 0;
};

}  // namespace

std::optional<FrameRules> read_frame_rules(const std::shared_ptr<const ElfFile>& binary,
                                           const FrameSearch& search, std::uint64_t address) {
  const auto slice = search.find(address);
  if (!slice) return std::nullopt;
  return Description(binary, *slice).rules_at(address, slice->code);
}

}  // namespace backsight::probes
