#include "probes/dwarf_die.h"

#include <utility>

namespace backsight::probes {

namespace {

constexpr std::size_t kMaxChildren = 1u << 22;

// The debug handle of an attribute's owner is not needed to free an error that
// was made for it; libdwarf accepts null for that.
class AnyError : public ErrorSlot {
 public:
  AnyError() : ErrorSlot(nullptr) {}
};

}  // namespace

Die::Die(Die&& other) noexcept : debug_(other.debug_), die_(other.die_), file_(other.file_) {
  other.die_ = nullptr;
}

Die& Die::operator=(Die&& other) noexcept {
  std::swap(debug_, other.debug_);
  std::swap(die_, other.die_);
  std::swap(file_, other.file_);
  return *this;
}

Die::~Die() {
  if (die_) dwarf_dealloc_die(die_);
}

Dwarf_Half Die::tag() const {
  Dwarf_Half tag = 0;
  ErrorSlot error(debug_);
  return die_ && dwarf_tag(die_, &tag, error.out()) == DW_DLV_OK ? tag : 0;
}

std::optional<std::uint64_t> Die::offset_in_unit() const {
  Dwarf_Off offset = 0;
  ErrorSlot error(debug_);
  if (!die_ || dwarf_die_CU_offset(die_, &offset, error.out()) != DW_DLV_OK) return std::nullopt;
  return offset;
}

DieKey Die::key() const {
  Dwarf_Off offset = 0;
  ErrorSlot error(debug_);
  if (!die_ || dwarf_dieoffset(die_, &offset, error.out()) != DW_DLV_OK) return 0;
  const DieKey key = key_in(file_, offset);
  return dwarf_get_die_infotypes_flag(die_) ? key : key | kTypesSection;
}

const char* Die::name() const {
  char* name = nullptr;
  ErrorSlot error(debug_);
  return die_ && dwarf_diename(die_, &name, error.out()) == DW_DLV_OK ? name : nullptr;
}

const char* Die::text(Dwarf_Half attribute) const {
  char* text = nullptr;
  ErrorSlot error(debug_);
  return die_ && dwarf_die_text(die_, attribute, &text, error.out()) == DW_DLV_OK ? text : nullptr;
}

bool Die::has(Dwarf_Half attribute) const {
  Dwarf_Bool found = 0;
  ErrorSlot error(debug_);
  return die_ && dwarf_hasattr(die_, attribute, &found, error.out()) == DW_DLV_OK && found;
}

bool Die::flag(Dwarf_Half attribute) const {
  const DieAttribute found(*this, attribute);
  Dwarf_Bool value = 0;
  ErrorSlot error(debug_);
  return found && dwarf_formflag(found.handle(), &value, error.out()) == DW_DLV_OK && value;
}

std::optional<std::uint64_t> Die::unsigned_value(Dwarf_Half attribute) const {
  const DieAttribute found(*this, attribute);
  if (!found) return std::nullopt;
  ErrorSlot error(debug_);
  Dwarf_Unsigned value = 0;
  if (dwarf_formudata(found.handle(), &value, error.out()) == DW_DLV_OK) return value;
  ErrorSlot second(debug_);
  Dwarf_Signed negative = 0;
  if (dwarf_formsdata(found.handle(), &negative, second.out()) == DW_DLV_OK) {
    return static_cast<std::uint64_t>(negative);
  }
  return std::nullopt;
}

std::optional<std::int64_t> Die::signed_value(Dwarf_Half attribute) const {
  const DieAttribute found(*this, attribute);
  if (!found) return std::nullopt;
  const Dwarf_Half form = found.form();
  if (form == DW_FORM_sdata || form == DW_FORM_implicit_const) {
    ErrorSlot error(debug_);
    Dwarf_Signed value = 0;
    if (dwarf_formsdata(found.handle(), &value, error.out()) == DW_DLV_OK) return value;
    return std::nullopt;
  }
  ErrorSlot error(debug_);
  Dwarf_Unsigned value = 0;
  if (dwarf_formudata(found.handle(), &value, error.out()) != DW_DLV_OK) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

std::optional<std::uint64_t> Die::address(Dwarf_Half attribute) const {
  const DieAttribute found(*this, attribute);
  Dwarf_Addr value = 0;
  ErrorSlot error(debug_);
  if (!found || dwarf_formaddr(found.handle(), &value, error.out()) != DW_DLV_OK) return std::nullopt;
  return value;
}

std::optional<DieKey> Die::reference(Dwarf_Half attribute) const {
  const DieAttribute found(*this, attribute);
  if (!found) return std::nullopt;
  ErrorSlot error(debug_);
  const Dwarf_Half form = found.form();
  if (form == DW_FORM_ref_sig8) {
    Dwarf_Sig8 signature;
    Dwarf_Die target = nullptr;
    Dwarf_Bool is_info = 0;
    if (dwarf_formsig8(found.handle(), &signature, error.out()) != DW_DLV_OK) return std::nullopt;
    ErrorSlot second(debug_);
    if (dwarf_find_die_given_sig8(debug_, &signature, &target, &is_info, second.out()) != DW_DLV_OK) {
      return std::nullopt;
    }
    return Die(debug_, target, file_).key();
  }
  Dwarf_Off offset = 0;
  if (dwarf_global_formref(found.handle(), &offset, error.out()) != DW_DLV_OK || offset == 0)
    return std::nullopt;
  if (form == DW_FORM_GNU_ref_alt || form == DW_FORM_ref_sup4 || form == DW_FORM_ref_sup8) {
    if (file_ != 0 || offset >> kFileShift != 0) return std::nullopt;
    return key_in(kAlternateFile, offset);
  }
  // DW_FORM_ref_addr always leads into .debug_info, the others stay in their unit.
  const bool in_types = form != DW_FORM_ref_addr && !dwarf_get_die_infotypes_flag(die_);
  if (offset >> kFileShift != 0) return std::nullopt;
  const DieKey key = key_in(file_, offset);
  return in_types ? key | kTypesSection : key;
}

std::vector<std::uint8_t> Die::block(Dwarf_Half attribute) const {
  const DieAttribute found(*this, attribute);
  if (!found) return {};
  ErrorSlot error(debug_);
  Dwarf_Unsigned length = 0;
  Dwarf_Ptr data = nullptr;
  if (found.form() == DW_FORM_exprloc &&
      dwarf_formexprloc(found.handle(), &length, &data, error.out()) == DW_DLV_OK && length < 4096) {
    const auto* bytes = static_cast<const std::uint8_t*>(data);
    return {bytes, bytes + length};
  }
  ErrorSlot second(debug_);
  Dwarf_Block* block = nullptr;
  if (dwarf_formblock(found.handle(), &block, second.out()) != DW_DLV_OK) return {};
  std::vector<std::uint8_t> result;
  if (block->bl_len < 4096) {
    const auto* bytes = static_cast<const std::uint8_t*>(block->bl_data);
    result.assign(bytes, bytes + block->bl_len);
  }
  dwarf_dealloc(debug_, block, DW_DLA_BLOCK);
  return result;
}

Die Die::child() const {
  Dwarf_Die found = nullptr;
  ErrorSlot error(debug_);
  return die_ && dwarf_child(die_, &found, error.out()) == DW_DLV_OK ? Die(debug_, found, file_) : Die();
}

Die Die::sibling() const {
  Dwarf_Die found = nullptr;
  ErrorSlot error(debug_);
  if (!die_) return {};
  const Dwarf_Bool is_info = dwarf_get_die_infotypes_flag(die_);
  return dwarf_siblingof_b(debug_, die_, is_info, &found, error.out()) == DW_DLV_OK
             ? Die(debug_, found, file_)
             : Die();
}

void for_each_child(const Die& parent, const std::function<bool(Die&&)>& visit) {
  std::size_t count = 0;
  for (Die die = parent.child(); die && count < kMaxChildren; ++count) {
    Die next = die.sibling();
    if (!visit(std::move(die))) return;
    die = std::move(next);
  }
}

DieAttribute::DieAttribute(const Die& die, Dwarf_Half attribute) {
  ErrorSlot error(die.debug_);
  if (!die || dwarf_attr(die.handle(), attribute, &attribute_, error.out()) != DW_DLV_OK)
    attribute_ = nullptr;
}

DieAttribute::~DieAttribute() {
  if (attribute_) dwarf_dealloc_attribute(attribute_);
}

Dwarf_Half DieAttribute::form() const {
  Dwarf_Half form = 0;
  AnyError error;
  return attribute_ && dwarf_whatform(attribute_, &form, error.out()) == DW_DLV_OK ? form : 0;
}

}  // namespace backsight::probes
