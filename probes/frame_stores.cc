#include "probes/frame_stores.h"

#include "probes/argument_registers.h"

#include <Zydis/Zydis.h>

#include <algorithm>
#include <set>
#include <tuple>

namespace backsight::probes {

namespace {

using Parts = std::uint64_t;  // a bit for each part of what is asked for

constexpr std::uint64_t kMostParts = 63;
constexpr Parts kBegun = Parts{1} << kMostParts;  // on the way to the site something of it was stored
constexpr std::size_t kMostSteps = 20'000;

// In bytes.
std::uint64_t part_size(const SlotQuestion& question) {
  const std::uint64_t least = question.is_object ? 8 : 1;
  return std::max(least, (question.size + kMostParts - 1) / kMostParts);
}

Parts wanted_parts(const SlotQuestion& question) {
  const std::uint64_t bytes = part_size(question);
  Parts wanted = 0;
  for (std::uint64_t at = 0; at < question.size; ++at) {
    if (at >= 32 || (question.used >> at & 1) != 0) wanted |= Parts{1} << (at / bytes);
  }
  return wanted;
}

Parts filled_parts(const SlotQuestion& question, const FrameAccess& store) {
  const std::int64_t begin = store.offset - question.offset;
  const std::int64_t end = begin + store.size;
  const auto whole = static_cast<std::int64_t>(question.size);
  if (end <= 0 || begin >= whole) return 0;
  if (!question.is_object && (begin < 0 || end > whole)) return 0;  // of something else
  const auto bytes = static_cast<std::int64_t>(part_size(question));
  Parts filled = 0;
  for (std::int64_t at = std::max<std::int64_t>(begin, 0); at < std::min(end, whole); ++at)
    filled |= Parts{1} << (at / bytes);
  return filled;
}

// Reads it, or part of it.
bool uses(const FrameAccess& access, const SlotQuestion& question) {
  const bool is_read = access.kind == FrameAccess::Kind::kLoad || access.kind == FrameAccess::Kind::kRead;
  return is_read && access.offset >= question.offset &&
         access.offset < question.offset + static_cast<std::int64_t>(question.size);
}

}  // namespace

void FrameStores::read() const {
  if (graph_) return;
  graph_.emplace(code_);
  accesses_.resize(graph_->size());
  ZydisDecoder decoder;
  ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  std::size_t i = 0;  // they stand in the order of the ranges
  for (const AddressRange& range : code_.ranges) {
    const std::vector<std::uint8_t> bytes = binary_.code(range);
    for (; i < code_.instructions.size() && range.contains(code_.instructions[i].address); ++i) {
      const std::uint64_t address = code_.instructions[i].address;
      const std::size_t at = address - range.begin;
      ZydisDecodedInstruction in;
      ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
      const bool is_decoded =
          at < bytes.size() &&
          ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes.data() + at, bytes.size() - at, &in, operands));
      if (is_decoded)
        accesses_[graph_->index_of(address)] = read_frame_access(frames_, address, in, operands);
    }
  }
}

bool FrameStores::is_call(std::size_t node) const {
  const Instruction* instruction = graph_->instruction(node);
  return instruction && instruction->kind == InstructionKind::kCall;
}

bool FrameStores::has_store(std::int64_t offset, std::uint64_t size) const {
  read();
  return std::any_of(accesses_.begin(), accesses_.end(), [&](const FrameAccess& access) {
    return access.kind == FrameAccess::Kind::kStore &&
           access.offset < offset + static_cast<std::int64_t>(size) && offset < access.offset + access.size;
  });
}

bool FrameStores::is_address_taken(std::int64_t offset, std::uint64_t size) const {
  read();
  return std::any_of(accesses_.begin(), accesses_.end(), [&](const FrameAccess& access) {
    const bool is_inside =
        access.offset >= offset && access.offset < offset + static_cast<std::int64_t>(size);
    return access.is_unknown || (access.kind == FrameAccess::Kind::kAddress && is_inside);
  });
}

FrameAccess FrameStores::store_of(std::size_t node) const {
  const auto [found, is_new] = stores_.try_emplace(node);
  const FrameAccess& access = accesses_[node];
  if (!is_new || access.source < 0) return found->second;
  const FrameAddress base = in_register(access.source, graph_->instruction(node)->address);
  if (base.kind == FrameAddress::Kind::kFrame)
    found->second = {
        .kind = FrameAccess::Kind::kStore, .offset = base.offset + access.offset, .size = access.size};
  return found->second;
}

bool FrameStores::is_given(std::size_t call, const SlotQuestion& question) const {
  const std::uint64_t address = graph_->instruction(call)->address;
  return std::any_of(std::begin(kArgumentRegisters), std::end(kArgumentRegisters), [&](bs_register reg) {
    const FrameAddress given = in_register(reg, address);
    return given.kind == FrameAddress::Kind::kFrame && given.offset >= question.offset &&
           given.offset < question.offset + static_cast<std::int64_t>(question.size);
  });
}

std::vector<std::uint8_t> FrameStores::behind_addresses(const SlotQuestion& question) const {
  constexpr std::uint8_t kInScope = 1;
  constexpr std::uint8_t kEverywhere = 2;
  const auto is_own = [&](std::size_t node) {
    const Instruction* instruction = graph_->instruction(node);
    return question.may_fill && instruction && question.may_fill(instruction->address);
  };
  std::vector<std::uint8_t> known(accesses_.size());
  std::vector<std::size_t> work;
  const auto pass_on = [&](std::size_t node, std::uint8_t how) {
    for (const std::size_t next : graph_->next(node)) {
      if (known[next] >= how || (how == kInScope && !is_own(next))) continue;
      known[next] = how;
      work.push_back(next);
    }
  };
  for (std::size_t node = 0; node < accesses_.size(); ++node) {
    const FrameAccess& access = accesses_[node];
    const bool is_inside = access.offset >= question.offset &&
                           access.offset < question.offset + static_cast<std::int64_t>(question.size);
    if (access.is_unknown || (access.kind == FrameAccess::Kind::kAddress && is_inside))
      pass_on(node, !access.is_unknown && is_own(node) ? kInScope : kEverywhere);
  }
  while (!work.empty()) {
    const std::size_t node = work.back();
    work.pop_back();
    pass_on(node, known[node]);
  }
  return known;
}

bool FrameStores::is_stored(const SlotQuestion& question) const {
  read();
  const std::size_t site = graph_->index_of(question.site);
  if (site == FlowGraph::kNone || !code_.problem.empty()) return false;
  const bool is_taken = is_address_taken(question.offset, question.size);
  const auto asks = [&](const std::function<bool(std::uint64_t)>& what, std::size_t node) {
    const Instruction* instruction = graph_->instruction(node);
    return what && instruction && what(instruction->address);
  };
  const std::vector<std::uint8_t> is_known =
      is_taken ? behind_addresses(question) : std::vector<std::uint8_t>();
  std::vector<Parts> seen(accesses_.size());
  std::vector<std::pair<std::size_t, Parts>> work = {{site, wanted_parts(question)}};
  while (!work.empty()) {
    const auto [at, wanted] = work.back();
    work.pop_back();
    // Where nothing leads to, exceptions do, out of calls; or it only fills up.
    if (at == graph_->entry()) return false;
    const bool is_origin =
        graph_->previous(at).empty() && graph_->instruction(at) && !graph_->instruction(at)->is_nop;
    if (is_origin && !(is_taken && asks(question.may_fill, at))) return false;
    for (const std::size_t from : graph_->previous(at)) {
      const FrameAccess& access = accesses_[from];
      const bool is_begun = question.is_fresh && (wanted & kBegun) != 0;
      if (question.may_own && graph_->instruction(from) && !asks(question.may_own, from)) return false;
      if (is_taken && is_call(from)) {
        const bool may_fill = !is_begun && asks(question.may_fill, from);
        if (may_fill && (question.is_fresh ? is_given(from, question) : is_known[from] != 0)) continue;
        if (!question.is_fresh && !may_fill) return false;
      }
      if (uses(access, question) && asks(question.destroys, from)) return false;
      const FrameAccess store = is_taken && access.is_elsewhere ? store_of(from) : access;
      const Parts filled = store.kind == FrameAccess::Kind::kStore ? filled_parts(question, store) : 0;
      const Parts rest = (wanted & ~filled) | (filled != 0 ? kBegun : 0);
      if ((rest & ~kBegun) == 0 || (rest & ~seen[from]) == 0) continue;
      seen[from] |= rest;
      work.emplace_back(from, seen[from]);
    }
  }
  return true;
}

bool FrameStores::is_used(const SlotQuestion& question) const {
  read();
  const std::size_t site = graph_->index_of(question.site);
  if (site == FlowGraph::kNone) return false;
  const auto end = question.offset + static_cast<std::int64_t>(question.size);
  std::vector<bool> seen(accesses_.size());
  std::vector<std::size_t> work = {site};
  while (!work.empty()) {
    const std::size_t at = work.back();
    work.pop_back();
    if (seen[at]) continue;
    seen[at] = true;
    const FrameAccess& access = accesses_[at];
    const bool is_store = access.kind == FrameAccess::Kind::kStore && access.offset < end &&
                          question.offset < access.offset + access.size;
    if (uses(access, question) || (is_call(at) && is_given(at, question))) return true;
    if (!is_store) work.insert(work.end(), graph_->next(at).begin(), graph_->next(at).end());
  }
  return false;
}

// Right before instruction `at`: register `reg`, or else the word at CFA + `slot`, holds
// what is asked for less `added`.
struct FrameStores::Holder {
  std::size_t at = 0;
  int reg = -1;
  std::int64_t slot = 0;
  std::int64_t added = 0;
};

// What held it before the instruction `from`; none: it comes into being there, and if it is
// an address in the frame, that is added to `found`.
std::optional<FrameStores::Holder> FrameStores::source(const Holder& holder, std::size_t from,
                                                       std::vector<std::int64_t>& found) const {
  const FrameAccess& access = accesses_[from];
  Holder before = holder;
  before.at = from;
  if (holder.reg < 0) {
    const bool is_hit = access.kind == FrameAccess::Kind::kStore && access.offset < holder.slot + 8 &&
                        holder.slot < access.offset + access.size;
    if (!is_hit) return before;
    if (access.reg < 0 || access.offset != holder.slot) return std::nullopt;
    before.reg = access.reg;
    return before;
  }
  if ((access.written >> holder.reg & 1) == 0) return before;
  if (access.reg != holder.reg) return std::nullopt;
  switch (access.kind) {
    case FrameAccess::Kind::kAddress:
      found.push_back(access.offset + holder.added);
      return std::nullopt;
    case FrameAccess::Kind::kLoad:
      before.reg = -1;
      before.slot = access.offset;
      return before;
    case FrameAccess::Kind::kCopy:
      before.reg = access.source;
      before.added += access.offset;
      return before;
    default:
      return std::nullopt;
  }
}

FrameAddress FrameStores::trace(const Holder& holder) const {
  std::vector<std::int64_t> found;
  std::set<std::tuple<std::size_t, int, std::int64_t>> seen;
  std::vector<Holder> work = {holder};
  while (!work.empty()) {
    const Holder now = work.back();
    work.pop_back();
    if (seen.size() > kMostSteps) return {FrameAddress::Kind::kUnclear, 0};
    if (now.at == graph_->entry()) continue;
    for (const std::size_t from : graph_->previous(now.at)) {
      const auto before = source(now, from, found);
      if (before && seen.emplace(before->at, before->reg, before->slot).second) work.push_back(*before);
    }
  }
  if (found.empty()) return {};
  const bool is_one =
      std::count(found.begin(), found.end(), found[0]) == static_cast<std::ptrdiff_t>(found.size());
  return {is_one ? FrameAddress::Kind::kFrame : FrameAddress::Kind::kUnclear, found[0]};
}

FrameAddress FrameStores::in_register(int reg, std::uint64_t site) const {
  read();
  const std::size_t at = graph_->index_of(site);
  if (at == FlowGraph::kNone || reg < 0 || reg > BS_R15) return {FrameAddress::Kind::kUnclear, 0};
  return trace({.at = at, .reg = reg});
}

FrameAddress FrameStores::in_slot(std::int64_t offset, std::uint64_t site) const {
  read();
  const std::size_t at = graph_->index_of(site);
  if (at == FlowGraph::kNone) return {FrameAddress::Kind::kUnclear, 0};
  return trace({.at = at, .slot = offset});
}

}  // namespace backsight::probes
