#include "probes/location_pieces.h"

#include "probes/slot_check.h"

#include <algorithm>
#include <cstring>

namespace backsight::probes {

using schema::Unavailable;
using Kind = LocationPiece::Kind;

namespace {

constexpr std::uint64_t kMostBytes = 16;  // of a value that is not in memory

bool is_power(std::uint64_t bytes) {
  return bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
}

ValueSource stored_later() {
  return unavailable_source(Unavailable::kOptimizedOut,
                            "it is stored to the stack only after the probe site");
}

ValueSource not_stored() {
  return unavailable_source(Unavailable::kOptimizedOut,
                            "the code does not show that its place in the frame is filled at the probe site");
}

ValueSource not_all() {
  return unavailable_source(Unavailable::kOptimizedOut, "the compiler kept no location for all of it");
}

ValueSource assigned() {
  return unavailable_source(Unavailable::kOptimizedOut,
                            "it is assigned to before what was passed can be seen");
}

ValueSource scattered() {
  return unavailable_source(Unavailable::kOptimizedOut,
                            "it is scattered over places that are not captured yet");
}

ValueSource in_vector() {
  return unavailable_source(Unavailable::kInVectorRegister, "it is in a vector register at the probe site");
}

// Collects bytes into slots of eight.
class Slots {
 public:
  // `ops` leave `bytes` low bytes; what lies above them is undefined unless `is_clean`.
  bool add(std::vector<bs_op> ops, std::uint64_t bytes, bool is_clean, bool is_last) {
    const std::uint64_t at = filled_ % 8;
    if (at + bytes > 8) return false;
    // Shifting to the top of the slot, or being the last, makes what lies above harmless.
    if (!is_clean && at + bytes < 8 && !is_last) {
      if (!is_power(bytes)) return false;
      ops.push_back(make_op(BS_OP_EXTEND, static_cast<std::uint8_t>(bytes)));
    }
    if (at == 0) {
      source_.slots.push_back(source_.ops.size());
    } else {
      ops.push_back(make_op(BS_OP_PUSH_CONST, 0, 0, 0, 1ull << (8 * at)));
      ops.push_back(make_op(BS_OP_MUL));
      ops.push_back(make_op(BS_OP_ADD));
    }
    source_.ops.insert(source_.ops.end(), ops.begin(), ops.end());
    filled_ += bytes;
    return true;
  }
  // Zeros up to byte `end`.
  bool add_padding(std::uint64_t end) {
    while (filled_ < end) {
      const std::uint64_t bytes = std::min(end - filled_, 8 - filled_ % 8);
      if (!add({make_op(BS_OP_PUSH_CONST)}, bytes, true, false)) return false;
    }
    return filled_ == end;
  }
  std::uint64_t filled() const { return filled_; }
  ValueSource take() { return std::move(source_); }

 private:
  ValueSource source_;
  std::uint64_t filled_ = 0;
};

// Filled between the entry and the site, and not written again.
bool is_filled(const LocationContext& context, const std::vector<const Spill*>& parts, std::int64_t offset,
               std::uint64_t size) {
  const auto is_part = [&](const Spill& spill) {
    return std::find(parts.begin(), parts.end(), &spill) != parts.end();
  };
  for (const Spill* part : parts) {
    if (part->done_at > context.frame.site) return false;
  }
  for (const Spill& spill : context.prologue.spills) {
    if (spill.overlaps(offset, size) && !is_part(spill) && spill.done_at <= context.frame.site) return false;
  }
  return true;
}

// What will be stored, as operations at the site.
std::vector<bs_op> before_store(const LocationContext& context, const Spill& spill, std::uint64_t bytes) {
  const PrologueValue& value = spill.value;
  if (value.kind == PrologueValue::Kind::kStack) {
    const bool is_still_there = context.prologue.is_untouched(value.offset, bytes, context.frame.site);
    if (!is_power(bytes) || value.width < bytes || !is_still_there) return {};
    std::vector<bs_op> ops = frame_address(context.frame, value.offset);
    ops.push_back(make_op(BS_OP_LOAD, static_cast<std::uint8_t>(bytes)));
    return ops;
  }
  if (value.kind != PrologueValue::Kind::kEntry || (context.frame.written >> value.reg & 1) != 0) return {};
  std::vector<bs_op> ops = {make_op(BS_OP_PUSH_REG, static_cast<std::uint8_t>(value.reg))};
  if (value.from != 0) ops.push_back(make_op(BS_OP_SHIFT, static_cast<std::uint8_t>(8 * value.from)));
  if (value.width < bytes && (!value.is_extended || !is_power(value.width))) return {};
  if (value.width < bytes) ops.push_back(make_op(BS_OP_EXTEND, static_cast<std::uint8_t>(value.width)));
  return ops;
}

// The parameter's stack slot: filled on the way to the site, or from where the
// caller put what will be stored there.
ValueSource from_spills(const LocationContext& context, const LocationTerm& term, std::uint64_t first_byte,
                        std::uint64_t size) {
  ValueSource result;
  const bool fits = size > 0 && size <= BS_MAX_OBJECT;
  const auto parts = fits
                         ? context.prologue.cover(term.offset, static_cast<std::uint32_t>(size), context.used)
                         : std::vector<const Spill*>();
  if (parts.empty()) return stored_later();
  for (const Spill* part : parts) {
    const std::uint64_t at = first_byte + static_cast<std::uint64_t>(part->offset - term.offset);
    if (context.place && !context.place->brings(part->value, at)) return assigned();
    if (context.step && !context.prologue.holds(*part, context.step->address)) return assigned();
  }
  result.in_memory = true;
  if (!is_realigned(term.offset) && is_filled(context, parts, term.offset, size)) {
    result.ops = frame_address(context.frame, term.offset);
    return result;
  }
  const PrologueValue& first = parts[0]->value;
  const bool is_all_of_it = parts.size() == 1 && parts[0]->offset == term.offset;
  const bool is_in_place = is_all_of_it && first.kind == PrologueValue::Kind::kStack &&
                           context.prologue.is_untouched(first.offset, size, context.frame.site);
  if (is_in_place && parts[0]->size <= first.width) {
    result.ops = frame_address(context.frame, first.offset);
    return result;
  }
  if (std::any_of(parts.begin(), parts.end(), [](const Spill* part) { return part->is_vector(); }))
    return in_vector();
  if (size > kMostBytes) return stored_later();
  Slots slots;
  for (const Spill* part : parts) {
    const auto at = static_cast<std::uint64_t>(part->offset - term.offset);
    if (!slots.add_padding(at)) return stored_later();
    const std::uint64_t bytes = std::min<std::uint64_t>(part->size, size - at);
    std::vector<bs_op> ops = before_store(context, *part, bytes);
    if (ops.empty() || !slots.add(std::move(ops), bytes, false, part == parts.back())) return stored_later();
  }
  return slots.take();
}

// Where the caller put it, and nothing was stored since: up to where the debug
// information says so, and to the site.
bool is_untouched(const LocationContext& context, const LocationTerm& term, std::uint64_t first_byte,
                  std::uint64_t size) {
  if (!term.is_frame) return true;
  const bool is_there = context.place && context.place->is_at(term.offset, first_byte);
  const std::uint64_t until = std::max(context.step->address, context.frame.site);
  return is_there && context.prologue.is_untouched(term.offset, size, until);
}

// `size` bytes of the variable, from `first_byte` on.
ValueSource from_memory(const LocationContext& context, const LocationTerm& term, std::uint64_t first_byte,
                        std::uint64_t size) {
  if (!context.as_entered) {
    if (term.is_late) return stored_later();
  } else if (term.is_frame && term.offset < 0) {
    // Above the return address lie the arguments that the caller put there; below, nothing yet.
    return from_spills(context, term, first_byte, size);
  } else if (context.step
                 ? !is_untouched(context, term, first_byte, size)
                 : term.is_frame && context.place && !context.place->is_at(term.offset, first_byte)) {
    return assigned();
  }
  ValueSource result;
  result.in_memory = true;
  result.ops = term.is_frame ? frame_address(context.frame, term.offset) : term.ops;
  return result;
}

bool add_constant(Slots& slots, const std::vector<std::uint8_t>& bytes, bool is_last) {
  for (std::size_t at = 0; at < bytes.size(); at += 8) {
    const std::size_t count = std::min<std::size_t>(8, bytes.size() - at);
    std::uint64_t word = 0;
    std::memcpy(&word, &bytes[at], count);
    if (!slots.add({make_op(BS_OP_PUSH_CONST, 0, 0, 0, word)}, count, true, is_last)) return false;
  }
  return true;
}

// `bytes` of a register from byte `from` on, as they are: nothing that was computed from them.
bool is_copy(const std::vector<bs_op>& ops, std::uint64_t from, std::uint64_t bytes) {
  if (ops.empty() || ops[0].code != BS_OP_PUSH_REG || ops[0].d != 0) return false;
  std::uint64_t shifted = 0;
  for (std::size_t i = 1; i < ops.size(); ++i) {
    std::uint64_t kept_bits = 64;
    if (ops[i].code == BS_OP_SHIFT) {
      shifted += ops[i].a;
    } else if (ops[i].code == BS_OP_EXTEND) {
      kept_bits = 8ull * ops[i].a;
    } else {  // to the top and back
      const bool is_there = i + 2 < ops.size() && ops[i].code == BS_OP_PUSH_CONST &&
                            ops[i + 1].code == BS_OP_MUL && ops[i + 2].code == BS_OP_SHIFT &&
                            ops[i].d == 1ull << ops[i + 2].a;
      if (!is_there) return false;
      kept_bits = 64 - ops[i + 2].a;
      i += 2;
    }
    const bool is_bool = kept_bits == 1 && bytes == 1;
    if (kept_bits < 8 * bytes && !is_bool) return false;
  }
  return shifted == 8 * from;
}

// A piece of one word in memory.
bool add_memory(Slots& slots, const LocationContext& context, const LocationPiece& piece, std::uint64_t bytes,
                bool is_last) {
  const ValueSource source = from_memory(context, piece.term, slots.filled(), bytes);
  if (source.unavailable != Unavailable::kNone) return false;
  std::vector<bs_op> ops = source.ops;
  if (source.in_memory) {
    if (!is_power(bytes)) return false;
    ops.push_back(make_op(BS_OP_LOAD, static_cast<std::uint8_t>(bytes)));
  }
  return slots.add(std::move(ops), bytes, source.in_memory, is_last);
}

bool add_piece(Slots& slots, const LocationContext& context, const LocationPiece& piece, std::uint64_t bytes,
               bool is_last) {
  switch (piece.kind) {
    case Kind::kRegister:
      return bytes <= 8 && slots.add({make_op(BS_OP_PUSH_REG, static_cast<std::uint8_t>(piece.reg))}, bytes,
                                     false, is_last);
    case Kind::kValue: {
      if (bytes > 8 || (!context.as_entered && piece.term.is_late)) return false;
      const bool is_passed = !context.may_be_assigned() ||
                             (!piece.term.is_frame && is_copy(piece.term.ops, slots.filled() % 8, bytes));
      if (!is_passed) return false;
      auto ops = piece.term.is_frame ? frame_address(context.frame, piece.term.offset) : piece.term.ops;
      return slots.add(std::move(ops), bytes, false, is_last);
    }
    case Kind::kBytes:
      return piece.bytes.size() >= bytes &&
             add_constant(slots,
                          {piece.bytes.begin(), piece.bytes.begin() + static_cast<std::ptrdiff_t>(bytes)},
                          is_last);
    case Kind::kNone:
      return slots.add_padding(slots.filled() + bytes);
    case Kind::kMemory:
      return bytes <= 8 && add_memory(slots, context, piece, bytes, is_last);
    default:
      return false;
  }
}

ValueSource from_slots(const LocationContext& context, const std::vector<LocationPiece>& pieces,
                       std::uint64_t size) {
  if (size == 0 || size > kMostBytes) return scattered();
  Slots slots;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const bool is_last = i + 1 == pieces.size();
    if (slots.filled() >= size) break;
    const std::uint64_t rest = size - slots.filled();
    const std::uint64_t bytes = std::min(pieces[i].size ? pieces[i].size : rest, rest);
    if (!add_piece(slots, context, pieces[i], bytes, is_last || bytes == rest)) return scattered();
  }
  return slots.filled() >= size ? slots.take() : scattered();
}

}  // namespace

namespace {

bool is_padding(const LocationContext& context, std::uint64_t from, std::uint64_t to) {
  for (std::uint64_t at = from; at < to; ++at) {
    if (at >= 32 || (context.used >> at & 1) != 0) return false;
  }
  return true;
}

// Of optimised code: whether what is said to be in its frame, or what is referred to there, is
// there at the site.
bool is_there(const LocationContext& context, const LocationPiece& piece, std::uint64_t size) {
  if (!context.slots) return true;
  switch (piece.kind) {
    case Kind::kMemory: {
      if (context.as_entered) return true;  // seen to elsewhere
      LocationTerm value;
      value.ops = piece.term.is_frame ? frame_address(context.frame, piece.term.offset) : piece.term.ops;
      value.ops.push_back(make_op(BS_OP_LOAD, 8));
      return context.slots->is_there(*context.variable, piece.term, size, context.used,
                                     !context.whole_function) &&
             context.slots->is_target_there(*context.variable, value);
    }
    case Kind::kValue:
      return context.slots->is_target_there(*context.variable, piece.term);
    case Kind::kRegister: {
      LocationTerm value;
      value.ops = {make_op(BS_OP_PUSH_REG, static_cast<std::uint8_t>(piece.reg))};
      return context.slots->is_target_there(*context.variable, value);
    }
    default:
      return true;
  }
}

}  // namespace

ValueSource combine_pieces(const LocationContext& context, const std::vector<LocationPiece>& pieces,
                           std::uint64_t size) {
  std::uint64_t at = 0;
  for (const LocationPiece& piece : pieces) {
    const std::uint64_t from = at;
    at += piece.size != 0 ? piece.size : size - std::min(at, size);
    if (piece.kind == Kind::kUnavailable) return unavailable_source(piece.reason, piece.why);
    if (piece.kind == Kind::kRegister && piece.reg >= kFirstVector && piece.reg <= kLastVector)
      return in_vector();
    if (piece.kind == Kind::kNone && !is_padding(context, from, at)) return not_all();
    if (piece.kind == Kind::kRegister && piece.reg > BS_R15) {
      return unavailable_source(Unavailable::kUnsupportedType, "it is in a register that is not captured");
    }
    if (!is_there(context, piece, at - from)) return not_stored();
  }
  // Clang leaves out the pieces behind the last that it knows.
  if (at < size && !is_padding(context, at, size)) return not_all();
  if (pieces.size() == 1 && pieces[0].kind == Kind::kMemory)
    return from_memory(context, pieces[0].term, 0, size);
  return from_slots(context, pieces, size);
}

}  // namespace backsight::probes
