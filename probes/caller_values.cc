#include "probes/caller_values.h"

#include "probes/location_list.h"
#include "probes/location_pieces.h"

#include <dwarf.h>

#include <string>

namespace backsight::probes {

using schema::Unavailable;

namespace {

constexpr std::size_t kMaxOps = 256;  // of all callers

// An address in the caller's own frame. What is not passed need not be there: the compiler
// may have left out what was stored in it, or put something else there.
bool is_in_frame(const LocationTerm& term, const Cfa& caller) {
  if (term.is_frame) return true;
  for (std::size_t i = 0; i < term.ops.size(); ++i) {
    if (caller.reg != BS_RBP || term.ops[i].code != BS_OP_PUSH_REG || term.ops[i].a != BS_RBP) continue;
    const std::size_t next =
        i + 1 < term.ops.size() && term.ops[i + 1].code == BS_OP_ADD_CONST ? i + 2 : i + 1;
    if (next >= term.ops.size() || term.ops[next].code != BS_OP_LOAD) return true;
  }
  return false;
}

// In one slot; nothing where this call does not tell.
std::vector<bs_op> value_at_call(const LocationContext& callee, const CallSite& call, DieKey parameter) {
  const Die passed = call_parameter(callee.session, call, parameter);
  if (!passed) return {};
  const bool is_gnu = !passed.has(DW_AT_call_value);
  const DieAttribute attribute(passed, is_gnu ? DW_AT_GNU_call_site_value : DW_AT_call_value);
  if (!attribute) return {};
  const LocationList expression(callee.session, attribute);
  if (!expression.is_readable()) return {};
  const auto entry = expression.at(call.return_address, true);
  if (!entry || !entry->whole_function) return {};
  const std::vector<std::uint8_t> frame_base = callee.session.die(call.caller).block(DW_AT_frame_base);
  const LocationContext context{
      callee.session,  callee.frame, callee.prologue, frame_base,  callee.body_rsp, callee.follows_moves,
      callee.by_clang, true,         false,           callee.size, callee.used,     nullptr,
      nullptr,         &call.cfa};
  std::vector<LocationPiece> pieces =
      evaluate_location(context, passed, entry->expression, entry->operations);
  // The expression is the value itself, not where it is.
  if (pieces.size() != 1 || pieces[0].kind != LocationPiece::Kind::kMemory) return {};
  const LocationTerm& term = pieces[0].term;
  const bool may_be_address =
      callee.size == 8 && !term.ops.empty() && term.ops.front().code == BS_OP_PUSH_REG;
  if (is_in_frame(term, call.cfa) || (call.has_bottom && may_be_address)) return {};
  pieces[0].kind = LocationPiece::Kind::kValue;
  const ValueSource value = combine_pieces(context, pieces, callee.size);
  const bool is_one = value.unavailable == Unavailable::kNone && !value.in_memory && value.slots.size() == 1;
  return is_one ? value.ops : std::vector<bs_op>();
}

}  // namespace

ValueSource value_from_callers(const LocationContext& context, const std::vector<CallSite>& calls,
                               DieKey parameter) {
  constexpr const char* kNotPassed = "the compiler does not pass it to this copy, and no call of it tells";
  ValueSource source;
  if (!context.as_entered || context.size == 0 || context.size > 8)
    return unavailable_source(Unavailable::kOptimizedOut, kNotPassed);
  std::size_t known = 0;
  for (const CallSite& call : calls) {
    const std::vector<bs_op> value = value_at_call(context, call, parameter);
    if (value.empty() || source.ops.size() + value.size() > kMaxOps) continue;
    source.ops.push_back(make_op(BS_OP_IF_CALLER, known == 0, 0, static_cast<std::uint32_t>(value.size()),
                                 call.return_address));
    source.ops.insert(source.ops.end(), value.begin(), value.end());
    ++known;
  }
  if (known == 0) return unavailable_source(Unavailable::kOptimizedOut, kNotPassed);
  source.ops.push_back(make_op(BS_OP_NEED_CALLER));
  source.slots = {0};
  source.why = "is not passed to this copy of the function: it is known where one of " +
               std::to_string(known) + " calls leads here that tell it";
  return source;
}

}  // namespace backsight::probes
