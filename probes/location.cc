#include "probes/location.h"

#include "probes/caller_values.h"
#include "probes/location_expression.h"
#include "probes/location_list.h"
#include "probes/location_pieces.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace backsight::probes {

using schema::Unavailable;

namespace {

ValueSource constant_source(std::uint64_t value) {
  ValueSource source;
  source.ops = {make_op(BS_OP_PUSH_CONST, 0, 0, 0, value)};
  return source;
}

ValueSource register_source(std::uint64_t reg) {
  ValueSource source;
  source.ops = {make_op(BS_OP_PUSH_REG, static_cast<std::uint8_t>(reg))};
  return source;
}

// DW_AT_const_value as a block.
ValueSource constant_source(const std::vector<std::uint8_t>& bytes) {
  ValueSource source;
  for (std::size_t at = 0; at < bytes.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, &bytes[at], std::min<std::size_t>(8, bytes.size() - at));
    source.ops.push_back(make_op(BS_OP_PUSH_CONST, 0, 0, 0, word));
  }
  return source;
}

// A local variable whose type is not constant. Of loops that it unrolls, clang 14 gives
// the counter one value for all of its turns.
bool may_change(const DwarfSession& session, const Die& variable) {
  if (variable.tag() != DW_TAG_variable) return false;
  const Die origin = session.die(variable.reference(DW_AT_abstract_origin).value_or(0));
  const Die& typed = variable.has(DW_AT_type) || !origin ? variable : origin;
  if (typed.flag(DW_AT_external)) return false;
  const Die type = session.die(typed.reference(DW_AT_type).value_or(0));
  return type && type.tag() != DW_TAG_const_type;
}

}  // namespace

bs_op make_op(bs_op_code code, std::uint8_t a, std::uint16_t b, std::uint32_t c, std::uint64_t d) {
  return {static_cast<std::uint8_t>(code), a, b, c, d};
}

ValueSource unavailable_source(Unavailable reason, std::string why) {
  ValueSource source;
  source.unavailable = reason;
  source.why = std::move(why);
  return source;
}

std::vector<bs_op> ValueSource::slot(std::size_t index) const {
  if (in_memory) return {};
  if (slots.empty()) {
    // One operation a slot, if each by itself leaves one.
    for (const bs_op& op : ops) {
      if (op.code != BS_OP_PUSH_REG && op.code != BS_OP_PUSH_CONST && op.code != BS_OP_PUSH_IP_REL) return {};
    }
    return index < ops.size() ? std::vector<bs_op>{ops[index]} : std::vector<bs_op>();
  }
  if (index >= slots.size()) return {};
  const std::size_t end = index + 1 < slots.size() ? slots[index + 1] : ops.size();
  return {ops.begin() + static_cast<std::ptrdiff_t>(slots[index]),
          ops.begin() + static_cast<std::ptrdiff_t>(end)};
}

LocationReader::LocationReader(const DwarfSession& session, const Die& function, const SiteFrame& frame,
                               const Prologue& prologue,
                               std::function<std::optional<std::int64_t>()> body_rsp,
                               std::function<std::vector<CallSite>()> callers, const SlotCheck* slots)
    : session_(session),
      frame_(frame),
      prologue_(prologue),
      body_rsp_(std::move(body_rsp)),
      callers_(std::move(callers)),
      slots_(slots),
      frame_base_(function.block(DW_AT_frame_base)) {
  const Unit* unit = session.unit_of(function.key());
  const Die top = unit ? session.die(unit->die) : Die();
  const char* producer = top ? top.text(DW_AT_producer) : nullptr;
  follows_moves_ = !producer || !std::strstr(producer, "-fno-var-tracking");
  by_clang_ = producer && std::strstr(producer, "clang");
}

ValueSource LocationReader::locate(const Die& variable, std::uint64_t size, std::uint32_t used,
                                   const ArgumentPlace* place) const {
  if (variable.has(DW_AT_const_value)) {
    if (by_clang_ && frame_.at_entry && variable.tag() == DW_TAG_formal_parameter) {
      return unavailable_source(Unavailable::kOptimizedOut,
                                "only a constant is known, which the function may have assigned to it");
    }
    if (by_clang_ && may_change(session_, variable)) {
      return unavailable_source(Unavailable::kOptimizedOut,
                                "only one constant is known for all of its scope, and it may change there");
    }
    const auto constant = variable.unsigned_value(DW_AT_const_value);
    if (constant && size <= 8) return constant_source(*constant);
    const std::vector<std::uint8_t> bytes = variable.block(DW_AT_const_value);
    if (!bytes.empty() && bytes.size() == size && size <= 16) return constant_source(bytes);
  }
  if (!frame_.at_entry) return locate_at(variable, size, used, nullptr, false);
  ValueSource entered = locate_at(variable, size, used, place, true);
  const bool is_lost = entered.unavailable == Unavailable::kOptimizedOut ||
                       entered.unavailable == Unavailable::kInVectorRegister;
  const DieAttribute attribute(variable, DW_AT_location);
  if (!is_lost || !place || !attribute) return entered;
  const LocationList list(session_, attribute);
  if (!list.is_readable()) return entered;
  // Where it is first described behind the entry, and where the site is: what stands
  // there may be what was passed.
  std::vector<std::pair<LocationList::Entry, std::uint64_t>> later;
  if (const auto first = list.first()) later.push_back(*first);
  const auto here = list.at(frame_.site, true);
  if (here && !here->whole_function && frame_.site != frame_.entry) later.emplace_back(*here, frame_.site);
  for (const auto& [entry, address] : later) {
    ValueSource traced = trace(variable, entry.expression, entry.operations, address, size, used, *place);
    if (traced.unavailable == Unavailable::kNone) return traced;
    if (traced.unavailable == Unavailable::kInVectorRegister) entered = std::move(traced);
  }
  return entered;
}

ValueSource LocationReader::trace(const Die& variable, Dwarf_Locdesc_c expression, Dwarf_Unsigned operations,
                                  std::uint64_t address, std::uint64_t size, std::uint32_t used,
                                  const ArgumentPlace& place) const {
  const PrologueStep* step = prologue_.step_at(address);
  if (!step || !step->is_quiet || size == 0) {
    return unavailable_source(Unavailable::kOptimizedOut,
                              "the debug information has no location for it at the function's entry");
  }
  const LocationContext context{session_,       frame_,    prologue_, frame_base_, body_rsp_,
                                follows_moves_, by_clang_, true,      false,       size,
                                used,           &place,    step};
  return combine_pieces(context, evaluate_location(context, variable, expression, operations), size);
}

std::optional<std::uint64_t> LocationReader::register_at_entry(const Die& variable) const {
  const DieAttribute attribute(variable, DW_AT_location);
  if (!attribute) return std::nullopt;
  const LocationList list(session_, attribute);
  const auto entry = list.is_readable() ? list.at(frame_.entry, true) : std::nullopt;
  return entry ? first_register(session_, entry->expression, entry->operations) : std::nullopt;
}

bool LocationReader::is_argument_slot(const ValueSource& source) const {
  if (!source.in_memory || source.ops.size() != 1 || source.ops[0].code != BS_OP_PUSH_REG) return false;
  const bs_op& op = source.ops[0];
  if (!frame_.cfa || op.a != frame_.cfa->reg) return op.a == BS_RSP;
  return static_cast<std::int64_t>(op.d) >= frame_.cfa->offset;
}

ValueSource LocationReader::through_slot(std::uint64_t slot) const {
  if (slot == 0) {
    return unavailable_source(Unavailable::kUnsupportedType,
                              "another module may have its own copy of this library's variable");
  }
  ValueSource source;
  source.in_memory = true;
  source.ops = {make_op(BS_OP_PUSH_IP_REL, 0, 0, 0, slot - frame_.site), make_op(BS_OP_LOAD, 8)};
  return source;
}

ValueSource LocationReader::locate_at(const Die& variable, std::uint64_t size, std::uint32_t used,
                                      const ArgumentPlace* place, bool as_entered) const {
  const DieAttribute attribute(variable, DW_AT_location);
  if (!attribute)
    return unavailable_source(Unavailable::kOptimizedOut, "the compiler kept no location for it");
  const LocationList list(session_, attribute);
  if (!list.is_readable())
    return unavailable_source(Unavailable::kOptimizedOut, "its location cannot be read");
  const std::uint64_t address = as_entered ? frame_.entry : frame_.site;
  // Lines are probed as execution meets them; entries, before anything is done there.
  const auto entry = list.at(address, as_entered || !frame_.is_set_up);
  if (!entry) {
    return unavailable_source(Unavailable::kOptimizedOut,
                              "the debug information has no location for it at the probe site");
  }
  if (!as_entered && frame_.is_shared && !entry->whole_function && entry->begin == frame_.site) {
    return unavailable_source(Unavailable::kOptimizedOut,
                              "it may be what a later statement makes of it that begins at the same address");
  }
  const LocationContext context{session_,    frame_,     prologue_,
                                frame_base_, body_rsp_,  follows_moves_,
                                by_clang_,   as_entered, entry->whole_function,
                                size,        used,       place,
                                nullptr,     nullptr,    slots_,
                                &variable};
  const DieKey dropped = parameter_of_callers(session_, variable, entry->expression, entry->operations);
  if (dropped != 0)
    return value_from_callers(context, callers_ ? callers_() : std::vector<CallSite>(), dropped);
  ValueSource source = combine_pieces(
      context, evaluate_location(context, variable, entry->expression, entry->operations), size);
  if (source.unavailable == Unavailable::kNone || !as_entered || entry->whole_function || !by_clang_)
    return source;
  const auto all = register_of_all(context, variable, entry->expression, entry->operations);
  return all && place && place->is_only(*all) && (frame_.written >> *all & 1) == 0 ? register_source(*all)
                                                                                   : source;
}

}  // namespace backsight::probes
