// std::basic_string and std::basic_string_view of every kind of character.
#include "probes/recognise.h"

#include <algorithm>
#include <array>

namespace backsight::probes {

namespace {

using schema::Container;

bool is_character(const TypeLayout& layout, DieKey key) {
  static constexpr std::array<std::string_view, 5> kNames = {"char", "char8_t", "wchar_t", "char16_t",
                                                             "char32_t"};
  const Die die = layout.definition(key);
  if (!die || die.tag() != DW_TAG_base_type || !die.name()) return false;
  return std::find(kNames.begin(), kNames.end(), std::string_view(die.name())) != kNames.end();
}

std::optional<Shape> text(const TypeLayout& layout, const std::optional<MemberPath>& data,
                          std::optional<std::uint64_t> length) {
  if (!data || !length || !is_character(layout, data->type)) return std::nullopt;
  Shape shape;
  shape.container = Container::kString;
  shape.offset_a = data->offset_bytes;
  shape.offset_b = *length;
  shape.target = Target{data->type};
  return shape;
}

// libc++: a long string {capacity, length, data} or a short one in place. The flag
// is the lowest bit of the first byte; in the alternate layout {data, length,
// capacity} it is the highest of the last one. The length of a short one takes the
// other seven bits of that byte.
std::optional<Shape> flagged(const TypeLayout& layout, const Die& die) {
  const auto rep = layout.first_member(die, {{"__r_", "__value_"}, {"__rep_"}});
  const Die parts = rep ? layout.definition(rep->type) : Die();
  if (!parts) return std::nullopt;
  const auto data = layout.pointer(parts, {{"__l", "__data_"}});
  const auto length = layout.integer(parts, 8, {{"__l", "__size_"}});
  const auto short_size = layout.integer(parts, 1, {{"__s", "__size_"}});
  const auto short_data = layout.member(parts, {"__s", "__data_"});
  auto shape = text(layout, data, length);
  if (!shape || !short_size || !short_data) return std::nullopt;
  const bool is_alternate = data->offset_bytes == 0 && *length == 8 && *short_size == 23;
  const bool is_usual = data->offset_bytes == 16 && *length == 8 && *short_size == 0;
  if (!is_alternate && !is_usual) return std::nullopt;
  shape->container = Container::kFlaggedString;
  shape->offset_a += rep->offset_bytes;
  shape->offset_b += rep->offset_bytes;
  const std::uint64_t flag = is_usual ? 0x01 : 0x80;
  const std::uint64_t at = rep->offset_bytes + *short_size;
  shape->layout = {at,
                   flag,
                   flag,
                   at,
                   is_usual ? std::uint64_t{1} : 0,
                   0x7f,
                   rep->offset_bytes + short_data->offset_bytes};
  return shape;
}

}  // namespace

std::optional<Shape> recognise_string(const TypeLayout& layout, const Die& die) {
  auto shape = text(layout, layout.pointer(die, {{"_M_dataplus", "_M_p"}}),
                    layout.integer(die, 8, {{"_M_string_length"}}));
  return shape ? shape : flagged(layout, die);
}

std::optional<Shape> recognise_string_view(const TypeLayout& layout, const Die& die) {
  return text(layout, layout.pointer(die, {{"_M_str"}, {"__data"}, {"__data_"}}),
              layout.integer(die, 8, {{"_M_len"}, {"__size"}, {"__size_"}}));
}

}  // namespace backsight::probes
