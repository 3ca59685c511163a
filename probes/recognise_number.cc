// std::atomic, complex, bitset, chrono::duration and time_point.
#include "probes/recognise.h"

#include <cstdlib>

namespace backsight::probes {

namespace {

using schema::Container;

// std::ratio<1, 1000>: its arguments, else its name, where it is only declared.
bool read_ratio(const TypeLayout& layout, DieKey key, std::uint64_t& numerator, std::uint64_t& denominator) {
  const Die ratio = layout.definition(key);
  if (!ratio) return false;
  std::int64_t values[2] = {0, 0};
  const auto arguments = layout.arguments(ratio);
  if (arguments.size() == 2 && arguments[0].value && arguments[1].value) {
    values[0] = *arguments[0].value;
    values[1] = *arguments[1].value;
  } else {
    const std::string name = ratio.name() ? ratio.name() : "";
    const auto open = name.find('<');
    const auto comma = name.find(',');
    if (open == std::string::npos || comma == std::string::npos) return false;
    values[0] = std::strtoll(name.c_str() + open + 1, nullptr, 10);
    values[1] = std::strtoll(name.c_str() + comma + 1, nullptr, 10);
  }
  if (values[0] <= 0 || values[1] <= 0) return false;
  numerator = static_cast<std::uint64_t>(values[0]);
  denominator = static_cast<std::uint64_t>(values[1]);
  return true;
}

bool is_float(const Die& die) {
  return die && die.tag() == DW_TAG_base_type &&
         die.unsigned_value(DW_AT_encoding).value_or(0) == DW_ATE_float;
}

}  // namespace

std::optional<Shape> recognise_atomic(const TypeLayout& layout, const Die& die) {
  const auto value = layout.first_member(
      die, {{"_M_i"}, {"_M_base", "_M_i"}, {"_M_b", "_M_p"}, {"_M_fp"}, {"__a_", "__a_value"}});
  return value ? std::optional(transparent(*value)) : std::nullopt;
}

std::optional<Shape> recognise_complex(const TypeLayout& layout, const Die& die) {
  const std::uint64_t size = die.unsigned_value(DW_AT_byte_size).value_or(0);
  Shape shape;
  shape.kind = schema::TypeKind::kComplex;
  if (const auto value = layout.member(die, {"_M_value"})) {
    const Die type = layout.definition(value->type);
    const bool is_complex = type && type.unsigned_value(DW_AT_encoding).value_or(0) == DW_ATE_complex_float;
    return is_complex && type.unsigned_value(DW_AT_byte_size) == size ? std::optional(shape) : std::nullopt;
  }
  const auto real = layout.member(die, {"__re_"});
  const auto imaginary = layout.member(die, {"__im_"});
  if (!real || !imaginary || !is_float(layout.definition(real->type))) return std::nullopt;
  const bool fits = real->offset_bytes == 0 && imaginary->offset_bytes * 2 == size &&
                    real->type == imaginary->type && layout.size(real->type) == size / 2;
  return fits ? std::optional(shape) : std::nullopt;
}

std::optional<Shape> recognise_bitset(const TypeLayout& layout, const Die& die) {
  const auto arguments = layout.arguments(die);
  if (arguments.empty() || !arguments[0].value || *arguments[0].value < 0) return std::nullopt;
  const auto words = layout.first_member(die, {{"_M_w"}, {"__first_"}});
  Shape shape;
  shape.container = Container::kBits;
  shape.count = static_cast<std::uint64_t>(*arguments[0].value);
  if (!words && shape.count != 0) return std::nullopt;
  shape.offset_a = words ? words->offset_bytes : 0;
  const std::uint64_t size = die.unsigned_value(DW_AT_byte_size).value_or(0);
  return shape.offset_a <= size && shape.count <= (size - shape.offset_a) * 8 ? std::optional(shape)
                                                                              : std::nullopt;
}

std::optional<Shape> recognise_duration(const TypeLayout& layout, const Die& die) {
  const auto arguments = layout.arguments(die);
  const auto ticks = layout.first_member(die, {{"__r"}, {"__rep_"}});
  if (arguments.size() != 2 || !ticks) return std::nullopt;
  std::uint64_t numerator = 0;
  std::uint64_t denominator = 0;
  if (!read_ratio(layout, arguments[1].type, numerator, denominator)) return std::nullopt;
  Shape shape;
  shape.container = Container::kDuration;
  shape.layout = {numerator, denominator};
  shape.parts.push_back({"ticks", ticks->offset_bytes, ticks->type});
  return shape;
}

std::optional<Shape> recognise_time_point(const TypeLayout& layout, const Die& die) {
  const auto arguments = layout.arguments(die);
  const auto since = layout.first_member(die, {{"__d"}, {"__d_"}});
  const Die clock = arguments.empty() ? Die() : layout.definition(arguments[0].type);
  if (!since || !clock) return std::nullopt;
  const std::string name = layout.index().qualified_name(clock);
  Shape shape;
  shape.container = Container::kTimePoint;
  shape.layout = {standard_family(name) == "chrono::system_clock" ? std::uint64_t{1} : 0};
  shape.parts.push_back({"since_epoch", since->offset_bytes, since->type});
  return shape;
}

}  // namespace backsight::probes
