#include "probes/slot_check.h"

#include "probes/class_passing.h"
#include "probes/language.h"

#include <algorithm>
#include <string_view>

namespace backsight::probes {

namespace {

constexpr int kMaxChain = 16;
constexpr std::uint64_t kWord = 8;

// Of a variable or type: its type, without names and qualifiers.
Die type_of(const DwarfSession& session, const Die& of) {
  DieKey key = of.reference(DW_AT_type).value_or(0);
  if (key == 0) {
    const Die origin = session.die(of.reference(DW_AT_abstract_origin).value_or(0));
    key = origin ? origin.reference(DW_AT_type).value_or(0) : 0;
  }
  for (int i = 0; i < kMaxChain && key != 0; ++i) {
    Die type = session.die(key);
    if (!type) break;
    switch (type.tag()) {
      case DW_TAG_typedef:
      case DW_TAG_const_type:
      case DW_TAG_volatile_type:
      case DW_TAG_restrict_type:
      case DW_TAG_atomic_type:
        key = type.reference(DW_AT_type).value_or(0);
        break;
      default:
        return type;
    }
  }
  return {};
}

std::string_view variable_name(const DwarfSession& session, const Die& variable) {
  if (const char* name = variable.name()) return name;
  const Die origin = session.die(variable.reference(DW_AT_abstract_origin).value_or(0));
  const char* name = origin ? origin.name() : nullptr;  // in the section, not of the handle
  return name ? name : "";
}

bool is_number(const Die& type) {
  return type && (type.tag() == DW_TAG_base_type || type.tag() == DW_TAG_enumeration_type);
}

bool is_pointer(const Die& type) {
  return type && (type.tag() == DW_TAG_pointer_type || type.tag() == DW_TAG_reference_type ||
                  type.tag() == DW_TAG_rvalue_reference_type);
}

// Constructors of others may be calls; what is copied as bytes is stored.
bool is_constructed(const TypeLayout& layout, const Die& type) {
  return type && is_class_tag(type.tag()) && class_passing(layout, type.key()) != Passing::kByValue;
}

// By a register or in memory.
bool is_held(const LocationTerm& value) {
  if (value.ops.empty()) return false;
  const bs_op& last = value.ops.back();
  return last.code == BS_OP_LOAD || (value.ops.size() == 1 && last.code == BS_OP_PUSH_REG && last.d == 0);
}

}  // namespace

SlotCheck::SlotCheck(const TypeLayout& layout, const ElfFile& binary, const FrameTable& frames,
                     const Die& function, const FunctionCode& code, const SiteFrame& frame, bool is_copy)
    : layout_(layout),
      session_(layout.session()),
      frames_(frames),
      function_(function),
      code_(code),
      frame_(frame),
      is_copy_(is_copy),
      stores_(binary, frames, code) {}

const SlotClaims& SlotCheck::claims() const {
  if (!claims_) claims_.emplace(session_, frames_, function_);
  return *claims_;
}

bool SlotCheck::is_there(const Die& variable, const LocationTerm& address, std::uint64_t size,
                         std::uint32_t used, bool is_listed) const {
  const FrameAddress place = place_of(address);
  if (place.kind == FrameAddress::Kind::kElsewhere ||
      (place.kind == FrameAddress::Kind::kFrame && place.offset >= 0))
    return true;
  return place.kind == FrameAddress::Kind::kFrame && is_there(variable, place.offset, size, used, is_listed);
}

bool SlotCheck::is_there(const Die& variable, std::int64_t offset, std::uint64_t size, std::uint32_t used,
                         bool is_listed) const {
  SlotQuestion question{.offset = offset, .size = size, .used = used, .site = frame_.site};
  // Of those whose address is nowhere taken, the compiler knows when they are there.
  if (!stores_.is_address_taken(offset, size))
    return is_listed ? stores_.has_store(offset, size) : stores_.is_stored(question);
  const Die type = type_of(session_, variable);
  const DieKey key = variable.key();
  if (is_constructed(layout_, type)) return is_object_there(offset, size, is_copy_ ? 0 : key);
  question.is_object = size > kWord && !is_number(type) && !is_pointer(type);
  const auto is_own = [&](std::uint64_t address) { return claims().is_owned(offset, address, key); };
  if (question.is_object) {
    question.may_fill = is_own;
    return stores_.is_stored(question);
  }
  question.may_own = [&](std::uint64_t address) { return !claims().is_claimed(offset, size, address, key); };
  if (const bool is_stored = stores_.is_stored(question); is_stored || is_copy_) return is_stored;
  question.may_fill = is_own;
  return stores_.is_used(question) && stores_.is_stored(question);
}

// Of an object of a class. What begins it is looked for: its first words. `owner`: the variable
// that it is; 0: it was made for what is asked.
bool SlotCheck::is_object_there(std::int64_t offset, std::uint64_t size, DieKey owner) const {
  SlotQuestion question{.offset = offset, .size = std::min(size, 2 * kWord), .site = frame_.site};
  question.is_object = true;
  question.is_fresh = owner == 0;
  if (question.is_fresh)
    question.destroys = [&](std::uint64_t address) { return claims().is_destruction(address); };
  question.may_fill = [&](std::uint64_t address) {
    return owner == 0 || claims().is_owned(offset, address, owner);
  };
  return stores_.is_stored(question);
}

bool SlotCheck::is_target_there(const Die& variable, const LocationTerm& value) const {
  const Die type = type_of(session_, variable);
  // Numbers are no addresses in the frame, though clang 14 computes some from one where it
  // means what is there.
  const bool is_computed = is_number(type) && !is_held(value);
  if (!is_pointer(type) && !is_computed) return true;
  const FrameAddress place = place_of(value);
  if (place.kind == FrameAddress::Kind::kElsewhere) return true;
  if (is_number(type)) return false;
  const Die target = type_of(session_, type);
  const std::uint64_t size = target ? target.unsigned_value(DW_AT_byte_size).value_or(0) : 0;
  const bool is_text = size == 1 && type.tag() == DW_TAG_pointer_type;
  const bool is_class = target && is_class_tag(target.tag());
  const bool is_this = variable_name(session_, variable) == "this";
  if (size == 0 || is_text || is_this || (!is_number(target) && !is_class)) return true;
  if (place.kind == FrameAddress::Kind::kUnclear) return false;
  if (!value.is_frame && bottom_below_pushes(frames_, code_) == place.offset) return false;
  if (place.offset >= 0) return true;
  if (is_class) return is_object_there(place.offset, size, claims().owner(place.offset, frame_.site));
  return stores_.is_stored({.offset = place.offset, .size = size, .site = frame_.site});
}

FrameAddress SlotCheck::place_of(const LocationTerm& address) const {
  FrameAddress place;
  if (address.is_frame) return {FrameAddress::Kind::kFrame, address.offset};
  for (const bs_op& op : address.ops) {
    switch (op.code) {
      case BS_OP_PUSH_REG:
        if (&op != &address.ops.front()) return {};
        place = register_place(op.a);
        place.offset += static_cast<std::int64_t>(op.d);
        break;
      case BS_OP_ADD_CONST:
        place.offset += static_cast<std::int64_t>(op.d);
        break;
      case BS_OP_LOAD:
        if (place.kind != FrameAddress::Kind::kFrame || op.a != kWord) return {};
        place = stores_.in_slot(place.offset, frame_.site);
        break;
      case BS_OP_EXTEND:  // clang computes with parts of what it takes for a value
        break;
      default:
        return {};
    }
  }
  return place;
}

FrameAddress SlotCheck::register_place(int reg) const {
  const Cfa cfa = frame_.cfa.value_or(Cfa{});
  if (reg == cfa.reg) return {FrameAddress::Kind::kFrame, -cfa.offset};
  if (reg == BS_RSP) return {FrameAddress::Kind::kUnclear, 0};
  return stores_.in_register(reg, frame_.site);
}

bool is_optimised(const DwarfSession& session, const Die& function) {
  const Unit* unit = session.unit_of(function.key());
  const Die top = unit ? session.die(unit->die) : Die();
  const char* text = top ? top.text(DW_AT_producer) : nullptr;
  const std::string_view producer = text ? text : "";
  if (producer.find("clang") != std::string_view::npos &&
      unit->version >= 4)  // it describes all calls only then
    return function.has(DW_AT_call_all_calls) || function.has(DW_AT_GNU_all_call_sites);
  return !producer.starts_with("GNU ") || gcc_optimises(producer);
}

}  // namespace backsight::probes
