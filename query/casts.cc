// Casts between arithmetic types, as C does them on x86-64.
#include "query/operators.h"

#include <boost/json.hpp>

#include <array>
#include <string>

namespace backsight::query {
namespace {

struct ArithmeticType {
  std::string_view name;
  unsigned bits;  // 0: floating
  bool is_signed;
};

constexpr std::array kTypes = {
    ArithmeticType{"bool", 1, false},
    ArithmeticType{"char", 8, true},
    ArithmeticType{"signed char", 8, true},
    ArithmeticType{"unsigned char", 8, false},
    ArithmeticType{"short", 16, true},
    ArithmeticType{"unsigned short", 16, false},
    ArithmeticType{"int", 32, true},
    ArithmeticType{"unsigned", 32, false},
    ArithmeticType{"unsigned int", 32, false},
    ArithmeticType{"long", 64, true},
    ArithmeticType{"unsigned long", 64, false},
    ArithmeticType{"long long", 64, true},
    ArithmeticType{"unsigned long long", 64, false},
    ArithmeticType{"int8_t", 8, true},
    ArithmeticType{"uint8_t", 8, false},
    ArithmeticType{"int16_t", 16, true},
    ArithmeticType{"uint16_t", 16, false},
    ArithmeticType{"int32_t", 32, true},
    ArithmeticType{"uint32_t", 32, false},
    ArithmeticType{"int64_t", 64, true},
    ArithmeticType{"uint64_t", 64, false},
    ArithmeticType{"size_t", 64, false},
    ArithmeticType{"ssize_t", 64, true},
    ArithmeticType{"float", 0, true},
    ArithmeticType{"double", 0, true},
};

const ArithmeticType* find_arithmetic(std::string_view name) {
  if (name.starts_with("std::")) name.remove_prefix(5);
  for (const ArithmeticType& type : kTypes) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

}  // namespace

bool is_arithmetic_type(std::string_view name) {
  return find_arithmetic(name) != nullptr;
}

std::optional<boost::json::value> cast(std::string_view name, const Operand& operand) {
  const ArithmeticType* type = find_arithmetic(name);
  if (type == nullptr || operand.value == nullptr) return std::nullopt;
  const boost::json::value& value = *operand.value;
  if (type->bits == 1) {
    const auto is_true = truth(operand);
    if (!is_true) return std::nullopt;
    return boost::json::value(*is_true);
  }
  if (type->bits == 0) {
    if (value.is_number()) return boost::json::value(value.to_number<double>());
    return std::nullopt;
  }
  std::uint64_t bits = 0;
  if (const auto* i = value.if_int64()) {
    bits = static_cast<std::uint64_t>(*i);
  } else if (const auto* u = value.if_uint64()) {
    bits = *u;
  } else if (const auto* b = value.if_bool()) {
    bits = *b ? 1 : 0;
  } else if (const auto* d = value.if_double(); d != nullptr && *d > -9.2e18 && *d < 9.2e18) {
    bits = static_cast<std::uint64_t>(static_cast<std::int64_t>(*d));
  } else {
    return std::nullopt;
  }
  const unsigned shift = 64 - type->bits;
  if (type->is_signed) return boost::json::value(static_cast<std::int64_t>(bits << shift) >> shift);
  return boost::json::value(bits << shift >> shift);
}

}  // namespace backsight::query
