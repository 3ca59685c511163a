#include "collector/code_addresses.h"

#include <algorithm>
#include <cstring>

namespace backsight::collector {
namespace {

using schema::Container;
using schema::Type;
using schema::TypeKind;

constexpr std::size_t kMostWords = 256;  // of one element
constexpr int kMostDepth = 32;
constexpr std::size_t kMostElements = 512;  // of one item
constexpr std::uint64_t kMostArray = 64;

}  // namespace

CodeAddresses::CodeAddresses(const schema::Plan& plan) {
  std::vector<Element> types(plan.types.size());
  bool any = false;
  for (std::uint32_t id = 0; id < types.size(); ++id) {
    types[id].size = plan.types[id].size_bytes;
    collect(plan, {id}, 0, 0, types[id]);
    any = any || !types[id].words.empty();
  }
  if (any) types_ = std::move(types);
}

void CodeAddresses::collect(const schema::Plan& plan, schema::TypeId id, std::uint64_t offset, int depth,
                            Element& element) const {
  if (id.value >= plan.types.size() || depth > kMostDepth || element.words.size() >= kMostWords) return;
  const Type& type = plan.types[id.value];
  const auto add = [&](std::uint64_t at, Kind kind) {
    if (offset + at + 8 <= element.size && element.words.size() < kMostWords)
      element.words.push_back({static_cast<std::uint32_t>(offset + at), kind});
  };
  const auto leads_to_code = [&] {
    return type.target.value < plan.types.size() && plan.types[type.target.value].kind == TypeKind::kFunction;
  };
  if ((type.kind == TypeKind::kPointer || type.kind == TypeKind::kReference) && leads_to_code())
    return add(0, Kind::kCode);
  if (type.kind == TypeKind::kMemberPointer && type.size_bytes == 16) return add(0, Kind::kMember);
  if (type.container == Container::kCallableObject) {
    add(type.offset_a, Kind::kCode);
    return add(type.offset_b, Kind::kPerhaps);
  }
  if (type.container == Container::kCallable && type.members.empty()) {
    add(type.offset_a, Kind::kPerhaps);
    add(type.offset_b, Kind::kCode);
    if (!type.layout.empty() && type.layout[0] != schema::layout::kNoOffset) add(type.layout[0], Kind::kCode);
    return;
  }
  if (type.container == Container::kAny) return add(type.offset_a, Kind::kCode);
  if (type.kind == TypeKind::kArray && type.target.value < plan.types.size()) {
    const std::uint64_t size = plan.types[type.target.value].size_bytes;
    for (std::uint64_t i = 0; size > 0 && i < std::min(type.count, kMostArray); ++i) {
      if (offset + i * size >= element.size) break;
      collect(plan, type.target, offset + i * size, depth + 1, element);
    }
    return;
  }
  // Of a union, every member is shown.
  for (const auto& member : type.members) {
    if (member.bit_size == 0) collect(plan, member.type, offset + member.offset_bytes, depth + 1, element);
  }
}

void CodeAddresses::for_each(std::span<const std::byte> items, const Visit& visit) const {
  while (items.size() >= sizeof(schema::ItemHeader)) {
    schema::ItemHeader header;
    std::memcpy(&header, items.data(), sizeof header);
    items = items.subspan(sizeof header);
    if (header.captured > items.size()) return;
    const auto bytes = items.first(header.captured);
    items = items.subspan(std::min<std::size_t>(items.size(), (std::size_t{header.captured} + 7) & ~7ull));
    if (header.type >= types_.size()) continue;
    const Element& element = types_[header.type];
    if (element.words.empty() || element.size == 0) continue;
    const std::size_t count =
        std::min<std::size_t>((bytes.size() + element.size - 1) / element.size, kMostElements);
    for (std::size_t i = 0; i < count; ++i) {
      for (const Word& word : element.words) {
        const std::uint64_t at = i * element.size + word.offset;
        if (at + 8 > bytes.size()) continue;
        std::uint64_t value = 0;
        std::memcpy(&value, bytes.data() + at, sizeof value);
        // Of a virtual function the slot, an odd number.
        if (value == 0 || (word.kind == Kind::kMember && (value & 1) != 0)) continue;
        visit(value, word.kind != Kind::kPerhaps);
      }
    }
  }
}

}  // namespace backsight::collector
