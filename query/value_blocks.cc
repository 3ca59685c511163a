// The part of ValueDecoder that shows what is kept in blocks or bits: deque,
// bitset, vector<bool>.
#include "query/decode_support.h"
#include "query/scalars.h"
#include "query/text.h"
#include "query/value_decoder.h"

#include <boost/json.hpp>

#include <algorithm>
#include <utility>

namespace backsight::query {
namespace {

using schema::Item;
using schema::ItemStatus;
using schema::Type;
using schema::Unavailable;

bool bit_at(std::span<const std::byte> bytes, std::uint64_t bit) {
  return (std::to_integer<unsigned>(bytes[bit / 8]) >> (bit % 8) & 1) != 0;
}

struct Iterator {
  std::uint64_t current = 0, begin = 0, end = 0, place = 0;
};

// Elements from the beginning of the first block to the end; nothing where the
// two iterators contradict each other.
std::optional<std::uint64_t> elements_until(const Iterator& from, const Iterator& to, std::uint64_t element,
                                            std::uint64_t per_block) {
  const std::uint64_t block = element * per_block;
  const auto is_sound = [&](const Iterator& at) {
    return at.current >= at.begin && at.end - at.begin == block && at.current - at.begin <= block &&
           (at.current - at.begin) % element == 0;
  };
  if (to.place < from.place || (to.place - from.place) % 8 != 0) return std::nullopt;
  if (!is_sound(from) || !is_sound(to)) return std::nullopt;
  std::uint64_t end = 0;
  if (__builtin_mul_overflow((to.place - from.place) / 8, per_block, &end)) return std::nullopt;
  if (__builtin_add_overflow(end, (to.current - to.begin) / element, &end)) return std::nullopt;
  if (end < (from.current - from.begin) / element) return std::nullopt;
  return end;
}

}  // namespace

boost::json::value ValueDecoder::deque(const Type& type, const Place& place) {
  const Type* element = find_type(type.target);
  const std::uint64_t size = element == nullptr ? 0 : element->size_bytes;
  std::string why;
  const auto blocks = find_blocks(type, place, size, why);
  if (!blocks) return missing(std::move(why));
  if (blocks->total == 0) return sequence(type, type.target, {});
  return sequence(type, type.target, block_elements(type, *blocks, size, place.depth));
}

std::optional<ValueDecoder::Blocks> ValueDecoder::find_blocks(const Type& type, const Place& place,
                                                              std::uint64_t size, std::string& why) const {
  namespace field = schema::layout;
  why = schema::to_string(Unavailable::kUnsupportedType);
  if (type.layout.size() < field::kDequeFields || type.members.empty()) return std::nullopt;
  const std::uint64_t per_block = type.layout[field::kBlockElements];
  if (size == 0 || per_block == 0 || size > UINT32_MAX || per_block > UINT32_MAX) return std::nullopt;
  why = name_of(place.status);
  if (type.layout[field::kByIterators] == 0) {
    const auto map = number(place, type.offset_a), first = number(place, type.offset_b),
               total = number(place, std::uint64_t{type.offset_b} + 8);
    if (!map || !first || !total) return std::nullopt;
    why = schema::to_string(Unavailable::kBadAddress);
    if (*map == 0 && *total != 0) return std::nullopt;
    return Blocks{*total, per_block, *map + *first / per_block * 8, *first % per_block};
  }
  Iterator at[2];
  for (const std::size_t i : {0u, 1u}) {
    const std::uint64_t offset = i == 0 ? type.offset_a : type.offset_b;
    const auto current = number(place, offset), begin = number(place, offset + 8),
               end = number(place, offset + 16), node = number(place, offset + 24);
    if (!current || !begin || !end || !node) return std::nullopt;
    at[i] = {*current, *begin, *end, *node};
  }
  if (at[0].current == at[1].current) return Blocks{};
  why = schema::to_string(Unavailable::kBadAddress);
  const auto end = elements_until(at[0], at[1], size, per_block);
  if (!end) return std::nullopt;
  const std::uint64_t first = (at[0].current - at[0].begin) / size;
  return Blocks{*end - first, per_block, at[0].place, first};
}

ValueDecoder::Found ValueDecoder::block_elements(const Type& type, const Blocks& blocks, std::uint64_t size,
                                                 std::uint8_t depth) {
  Found found;
  found.total = blocks.total;
  if (const Type* element = find_type(type.target); element && element->kind == schema::TypeKind::kRedacted) {
    found.ended = schema::to_string(Unavailable::kRedacted);
    return found;
  }
  const Item* pointers = items_.find(type.members[0].type, blocks.first_place);
  if (pointers == nullptr) found.ended = why_no_elements(depth);
  if (pointers != nullptr && is_failed(*pointers)) found.ended = name_of(status_of(*pointers));
  std::uint64_t skip = blocks.first;
  for (std::uint64_t block = 0; found.elements.size() < blocks.total && found.ended.empty(); ++block) {
    const auto begin = number(place_of(*pointers), block * 8);
    // An item of what is used of the block, or of the block as a whole.
    const Item* item = begin ? items_.find(type.target, *begin + skip * size) : nullptr;
    std::uint64_t unused = 0;
    if (begin && item == nullptr && skip != 0) {
      item = items_.find(type.target, *begin);
      unused = skip;
    }
    if (item == nullptr) {
      const ItemStatus status = begin ? ItemStatus::kOk : status_of(*pointers);
      found.ended = status == ItemStatus::kOk ? why_no_more(depth, found.elements.size()) : name_of(status);
      break;
    }
    const std::uint64_t wanted = std::min(blocks.per_block - skip, blocks.total - found.elements.size());
    skip = 0;
    const std::uint64_t there = item->bytes.size() / size;
    const std::uint64_t shown = there <= unused ? 0 : std::min(there - unused, wanted);
    for (std::uint64_t i = 0; i < shown && ++values_ <= kMaxValues; ++i)
      found.elements.push_back(slice(place_of(*item), (unused + i) * size, size));
    const ItemStatus status = status_of(*item);
    if (shown < wanted) found.ended = name_of(status == ItemStatus::kOk ? ItemStatus::kElementLimit : status);
    if (values_ > kMaxValues) found.ended = schema::to_string(Unavailable::kByteLimit);
  }
  return found;
}

// As std::bitset's to_string(): the most significant bit first.
boost::json::value ValueDecoder::bits(const Type& type, const Place& place) {
  const std::uint64_t wanted = type.count / 8 + (type.count % 8 == 0 ? 0 : 1);
  const Place part = slice(place, type.offset_a, wanted);
  if (part.bytes.size() < wanted) return missing(name_of(place.status));
  values_ += wanted;
  boost::json::string out;
  out.reserve(type.count);
  for (std::uint64_t i = type.count; i-- > 0;) out.push_back(bit_at(part.bytes, i) ? '1' : '0');
  return out;
}

boost::json::value ValueDecoder::bit_vector(const Type& type, const Place& place) {
  namespace field = schema::layout;
  const Type* word = find_type(type.target);
  if (type.layout.size() < field::kBitVectorFields || word == nullptr || word->size_bytes == 0)
    return missing(Unavailable::kUnsupportedType);
  const auto begin = number(place, type.offset_a), second = number(place, type.offset_b);
  if (!begin || !second) return missing(name_of(place.status));
  std::uint64_t count = *second;
  if (type.layout[field::kEndIsPointer] != 0) {
    const auto rest = number(place, type.layout[field::kEndBits], 4);
    if (!rest) return missing(name_of(place.status));
    const std::uint64_t bytes = *second - *begin;
    if (*second < *begin || bytes % word->size_bytes != 0 || bytes > UINT64_MAX / 16 ||
        *rest >= word->size_bytes * 8)
      return missing(Unavailable::kBadAddress);
    count = bytes * 8 + *rest;
  }
  boost::json::array out;
  if (count == 0) return out;
  if (*begin == 0) return missing(Unavailable::kBadAddress);
  const Item* item = items_.find(type.target, *begin);
  if (item == nullptr) return missing(why_no_elements(place.depth));
  if (is_failed(*item)) return missing(name_of(status_of(*item)));
  std::uint64_t shown = std::min<std::uint64_t>(count, item->bytes.size() * 8);
  shown = std::min<std::uint64_t>(shown, kMaxValues - std::min(values_, kMaxValues));
  values_ += shown;
  if (shown < count) {
    const ItemStatus status = status_of(*item);
    unavailable_.emplace(path_, cut_off(status, ItemStatus::kElementLimit, shown, count));
  }
  out.reserve(shown);
  for (std::uint64_t i = 0; i < shown; ++i) out.emplace_back(bit_at(item->bytes, i));
  return out;
}

}  // namespace backsight::query
