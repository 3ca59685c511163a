// The part of the pipeline that sees to stacks: a row names its stack by id; the
// stack becomes a fact, and so does what its code is called.
#include "collector/pipeline.h"

#include "schema/codec.h"

#include <cstring>

namespace backsight::collector {
namespace {

using schema::Stack;
using schema::StackEnd;

constexpr std::size_t kMostStackCode = 65536;  // addresses of one image in one service

StackEnd end_of(std::uint64_t wire) {
  return wire <= static_cast<std::uint64_t>(StackEnd::kLast) ? static_cast<StackEnd>(wire)
                                                             : StackEnd::kUndefined;
}

// The stack in an item. Copies of stacks are unwound before they come here.
Stack stack_in(const bs_item& item, std::span<const std::byte> bytes) {
  Stack stack;
  stack.end = StackEnd::kMemoryLimit;
  if (item.depth != BS_STACK_ADDRESSES) return stack;
  stack.end = end_of(item.address);
  stack.addresses.resize(std::min(bytes.size() / sizeof(std::uint64_t), schema::kMaxStackFrames));
  std::memcpy(stack.addresses.data(), bytes.data(), stack.addresses.size() * sizeof(std::uint64_t));
  return stack;
}

}  // namespace

// Cuts the stack off `items`. kNoStack: such rows have none.
std::uint32_t Pipeline::take_stack(const PlanRef& plan, unsigned kind, std::span<const std::byte>& items) {
  if ((kind == BS_SITE_RETURN) != plan.stack_at_return || kind == BS_SITE_TAIL_CALL) return kNoStack;
  const auto index = static_cast<std::uint32_t>(stacks_.size());
  Stack none;
  none.end = StackEnd::kByteLimit;  // no room was left in the event
  stacks_.push_back(none);
  for (std::size_t at = 0; at + sizeof(bs_item) <= items.size();) {
    bs_item item;
    std::memcpy(&item, items.data() + at, sizeof item);
    const auto bytes = items.subspan(at + sizeof item, item.captured);
    if (item.type == BS_STACK_TYPE) {
      stacks_.back() = stack_in(item, bytes);
      items = items.first(at);
      break;
    }
    at += sizeof item + ((std::size_t{item.captured} + 7) & ~std::size_t{7});
  }
  return index;
}

// Ends the row with the id of its stack, and asks for the names in it.
void Pipeline::note_stack(Image& image, const PlanRef& plan, const Waiting& row) {
  Stack& stack = stacks_[row.stack];
  stack.process = image.id;
  const schema::StackId id = schema::stack_id(schema::encode(stack));
  schema::ItemHeader header;
  header.type = schema::kStackItemType;
  header.root = schema::kStackItemRoot;
  header.depth = schema::kStackIsId;
  header.length = header.captured = sizeof id;
  std::byte* place = batch_.data() + row.offset + row.size - kStackItemBytes;
  std::memcpy(place, &header, sizeof header);
  std::memcpy(place + sizeof header, &id, sizeof id);
  auto& known = image.stack_code[plan.slot];
  for (std::size_t i = 0; i < stack.addresses.size(); ++i) {
    const auto address = schema::stack_code_address(plan.stack, i, stack.addresses[i]);
    if (known.size() >= kMostStackCode || !known.insert(address).second) continue;
    unnamed_[{plan.slot, {image.facts.pid, image.facts.started_boot_ns}}].push_back(
        {address, row.boot_ns, false});
  }
  auto& slot = slots_[plan.slot];
  if (slot.stacks.insert(id.value).second) slot.facts.emplace_back(std::move(stack));
}

}  // namespace backsight::collector
