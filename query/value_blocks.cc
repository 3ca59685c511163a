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

// Where the elements of a deque are. Blocks and offsets count elements.
struct BlockPlan {
  std::uint64_t total = 0;        // elements
  std::uint64_t per_block = 0;    // elements of a whole block
  std::uint64_t first_place = 0;  // address of the first used block's place in the map
  std::uint64_t first = 0;        // element in the first used block
};

struct Iterator {
  std::uint64_t current = 0, begin = 0, end = 0, place = 0;
};

// Nothing where the two iterators contradict each other.
std::optional<BlockPlan> between(const Iterator& from, const Iterator& to, std::uint64_t element,
                                 std::uint64_t per_block) {
  const std::uint64_t block = element * per_block;
  const auto is_sound = [&](const Iterator& at) {
    return at.current >= at.begin && at.end - at.begin == block && at.current - at.begin <= block &&
           (at.current - at.begin) % element == 0;
  };
  if (to.place < from.place || (to.place - from.place) % 8 != 0) return std::nullopt;
  if (!is_sound(from) || !is_sound(to)) return std::nullopt;
  const std::uint64_t blocks = (to.place - from.place) / 8;
  BlockPlan plan{0, per_block, from.place, (from.current - from.begin) / element};
  std::uint64_t end = 0;
  if (__builtin_mul_overflow(blocks, per_block, &end)) return std::nullopt;
  if (__builtin_add_overflow(end, (to.current - to.begin) / element, &end)) return std::nullopt;
  if (end < plan.first) return std::nullopt;
  plan.total = end - plan.first;
  return plan;
}

}  // namespace

boost::json::value ValueDecoder::deque(const Type& type, const Place& place) {
  namespace field = schema::layout;
  const Type* element = find_type(type.target);
  if (type.layout.size() < field::kDequeFields || type.members.empty() || element == nullptr)
    return missing(Unavailable::kUnsupportedType);
  const std::uint64_t size = element->size_bytes, per_block = type.layout[field::kBlockElements];
  if (size == 0 || per_block == 0 || size > UINT32_MAX || per_block > UINT32_MAX)
    return missing(Unavailable::kUnsupportedType);
  BlockPlan plan;
  if (type.layout[field::kByIterators] != 0) {
    Iterator at[2];
    for (const std::size_t i : {0u, 1u}) {
      const std::uint64_t offset = i == 0 ? type.offset_a : type.offset_b;
      const auto current = number(place, offset), begin = number(place, offset + 8),
                 end = number(place, offset + 16), node = number(place, offset + 24);
      if (!current || !begin || !end || !node) return missing(name_of(place.status));
      at[i] = {*current, *begin, *end, *node};
    }
    if (at[0].current == at[1].current) return sequence(type, type.target, {});
    const auto found = between(at[0], at[1], size, per_block);
    if (!found) return missing(Unavailable::kBadAddress);
    plan = *found;
  } else {
    const auto map = number(place, type.offset_a), first = number(place, type.offset_b),
               total = number(place, std::uint64_t{type.offset_b} + 8);
    if (!map || !first || !total) return missing(name_of(place.status));
    if (*total == 0) return sequence(type, type.target, {});
    if (*map == 0) return missing(Unavailable::kBadAddress);
    plan = {*total, per_block, *map + *first / per_block * 8, *first % per_block};
  }
  Found found;
  found.total = plan.total;
  const Item* blocks = items_.find(type.members[0].type, plan.first_place);
  if (blocks == nullptr) return missing(why_no_elements(place.depth));
  if (is_failed(*blocks)) return missing(name_of(status_of(*blocks)));
  std::uint64_t skip = plan.first;
  for (std::uint64_t block = 0; found.elements.size() < plan.total && found.ended.empty(); ++block) {
    const auto begin = number(place_of(*blocks), block * 8);
    if (!begin) {  // no more block pointers were captured
      const ItemStatus status = status_of(*blocks);
      found.ended =
          status == ItemStatus::kOk ? why_no_more(place.depth, found.elements.size()) : name_of(status);
      break;
    }
    const std::uint64_t wanted = std::min(per_block - skip, plan.total - found.elements.size());
    // An item of what is used of the block, or of the block as a whole.
    const Item* item = items_.find(type.target, *begin + skip * size);
    std::uint64_t unused = 0;
    if (item == nullptr && skip != 0) {
      item = items_.find(type.target, *begin);
      unused = skip;
    }
    skip = 0;
    if (item == nullptr) {
      found.ended = why_no_more(place.depth, found.elements.size());
      break;
    }
    const std::uint64_t there = item->bytes.size() / size;
    const std::uint64_t shown = there <= unused ? 0 : std::min(there - unused, wanted);
    for (std::uint64_t i = 0; i < shown && ++values_ <= kMaxValues; ++i)
      found.elements.push_back(slice(place_of(*item), (unused + i) * size, size));
    const ItemStatus status = status_of(*item);
    if (shown < wanted) found.ended = name_of(status == ItemStatus::kOk ? ItemStatus::kElementLimit : status);
    if (values_ > kMaxValues) found.ended = schema::to_string(Unavailable::kByteLimit);
  }
  return sequence(type, type.target, found);
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
