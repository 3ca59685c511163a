#include "query/operators.h"

#include "query/text.h"

#include <boost/json.hpp>

#include <charconv>
#include <cmath>
#include <limits>
#include <string>

namespace backsight::query {
namespace {

__extension__ typedef __int128 Wide;

struct Number {
  bool is_float = false;
  Wide integer = 0;
  long double floating = 0;  // 64 bits of precision: holds every int64, uint64 and double

  long double as_float() const { return is_float ? floating : static_cast<long double>(integer); }
};

std::optional<Number> number_of(const boost::json::value& value) {
  if (const auto* i = value.if_int64()) return Number{false, *i, 0};
  if (const auto* u = value.if_uint64()) return Number{false, static_cast<Wide>(*u), 0};
  if (const auto* b = value.if_bool()) return Number{false, *b ? 1 : 0, 0};
  if (const auto* d = value.if_double()) return Number{true, 0, *d};
  return std::nullopt;
}

// Floats that JSON has no number for are shown as text.
std::optional<Number> special_float(std::string_view text) {
  if (text == "NaN") return Number{true, 0, std::numeric_limits<long double>::quiet_NaN()};
  if (text == "Infinity") return Number{true, 0, std::numeric_limits<long double>::infinity()};
  if (text == "-Infinity") return Number{true, 0, -std::numeric_limits<long double>::infinity()};
  return std::nullopt;
}

std::optional<boost::json::value> integer_value(Wide value) {
  if (value >= std::numeric_limits<std::int64_t>::min() &&
      value <= std::numeric_limits<std::int64_t>::max()) {
    return boost::json::value(static_cast<std::int64_t>(value));
  }
  if (value >= 0 && value <= static_cast<Wide>(std::numeric_limits<std::uint64_t>::max())) {
    return boost::json::value(static_cast<std::uint64_t>(value));
  }
  return std::nullopt;
}

std::optional<boost::json::value> float_value(long double value) {
  const auto narrow = static_cast<double>(value);
  if (std::isnan(narrow)) return boost::json::value("NaN");
  if (std::isinf(narrow)) return boost::json::value(narrow > 0 ? "Infinity" : "-Infinity");
  return boost::json::value(narrow);
}

// Text of an operand; the storage is for bytes that are not UTF-8.
struct Text {
  std::string storage;
  std::string_view view;
};

bool read_text(const Operand& operand, Text& text) {
  return text_of(*operand.value, text.storage, text.view);
}

std::optional<std::uint64_t> address_of(const boost::json::value& value) {
  if (!is_pointer_value(value)) return std::nullopt;
  const auto& member = value.get_object().begin()->value();
  if (!member.is_string() || member.get_string().size() < 3) return std::nullopt;
  const std::string_view hex = std::string_view(member.get_string()).substr(2);
  std::uint64_t address = 0;
  std::from_chars(hex.data(), hex.data() + hex.size(), address, 16);
  return address;
}

std::optional<Wide> integral(const Operand& operand) {
  if (operand.value == nullptr) return std::nullopt;
  const auto number = number_of(*operand.value);
  if (!number || number->is_float) return std::nullopt;
  return number->integer;
}

// Both as numbers, where at least one is one.
bool read_numbers(const Operand& a, const Operand& b, Number& x, Number& y) {
  const auto first = number_of(*a.value), second = number_of(*b.value);
  if (!first && !second) return false;
  const auto either = [](const std::optional<Number>& number, const Operand& operand) {
    if (number || !operand.value->is_string()) return number;
    return special_float(operand.value->get_string());
  };
  const auto left = either(first, a), right = either(second, b);
  if (!left || !right) return false;
  x = *left;
  y = *right;
  return true;
}

std::optional<int> order_text(const Operand& a, std::string_view x, const Operand& b, std::string_view y) {
  const std::size_t common = std::min(x.size(), y.size());
  if (const int by = x.substr(0, common).compare(y.substr(0, common)); by != 0) return by;
  // One is the beginning of the other: what was cut off decides.
  if (x.size() == y.size()) {
    if (!a.truncated && !b.truncated) return 0;
    return std::nullopt;
  }
  const Operand& shorter = x.size() < y.size() ? a : b;
  if (shorter.truncated) return std::nullopt;
  return x.size() < y.size() ? -1 : 1;
}

std::optional<boost::json::value> shift(std::string_view op, Wide value, Wide by) {
  if (by < 0 || by > 63) return std::nullopt;
  const bool is_unsigned = value > std::numeric_limits<std::int64_t>::max();
  const auto bits = static_cast<std::uint64_t>(value);
  const auto count = static_cast<unsigned>(by);
  if (op == ">>")
    return is_unsigned ? integer_value(static_cast<Wide>(bits >> count))
                       : integer_value(static_cast<std::int64_t>(bits) >> count);
  return integer_value(value * (Wide{1} << count));
}

std::optional<boost::json::value> bitwise(std::string_view op, Wide a, Wide b) {
  const auto x = static_cast<std::uint64_t>(a), y = static_cast<std::uint64_t>(b);
  const std::uint64_t bits = op == "&" ? x & y : op == "|" ? x | y : x ^ y;
  constexpr Wide kMaxSigned = std::numeric_limits<std::int64_t>::max();
  if (a > kMaxSigned || b > kMaxSigned) return integer_value(static_cast<Wide>(bits));
  return integer_value(static_cast<std::int64_t>(bits));
}

std::optional<boost::json::value> integer_arithmetic(std::string_view op, Wide a, Wide b) {
  if (op == "+") return integer_value(a + b);
  if (op == "-") return integer_value(a - b);
  if (op == "*") {
    Wide product = 0;
    if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
    return integer_value(product);
  }
  if (op == "<<" || op == ">>") return shift(op, a, b);
  if (op == "&" || op == "|" || op == "^") return bitwise(op, a, b);
  if (b == 0) return std::nullopt;
  if (op == "/") return integer_value(a / b);
  if (op == "%") return integer_value(a % b);
  return std::nullopt;
}

}  // namespace

std::optional<bool> truth(const Operand& operand) {
  if (operand.value == nullptr) return std::nullopt;
  if (operand.value->is_null()) return false;
  if (const auto number = number_of(*operand.value)) {
    return number->is_float ? number->floating != 0 : number->integer != 0;
  }
  return true;  // a pointer that is not null, an object, a string
}

std::optional<bool> equal(const Operand& a, const Operand& b) {
  if (a.value == nullptr || b.value == nullptr) return std::nullopt;
  if (a.value->is_null() || b.value->is_null()) return a.value->is_null() && b.value->is_null();
  Number x, y;
  if (read_numbers(a, b, x, y)) {
    if (!x.is_float && !y.is_float) return x.integer == y.integer;
    return x.as_float() == y.as_float();
  }
  Text left, right;
  if (read_text(a, left) && read_text(b, right)) {
    if (a.truncated && !b.truncated && a.full_length && *a.full_length != right.view.size()) return false;
    if (b.truncated && !a.truncated && b.full_length && *b.full_length != left.view.size()) return false;
    const auto by = order_text(a, left.view, b, right.view);
    if (!by) return std::nullopt;
    return *by == 0;
  }
  const auto from = address_of(*a.value), to = address_of(*b.value);
  if (from || to) {
    const auto first = from ? std::optional<Wide>(*from) : integral(a);
    const auto second = to ? std::optional<Wide>(*to) : integral(b);
    if (first && second) return *first == *second;
    return std::nullopt;
  }
  if (a.truncated || b.truncated || a.value->kind() != b.value->kind()) return std::nullopt;
  return *a.value == *b.value;
}

std::optional<int> order(const Operand& a, const Operand& b) {
  if (a.value == nullptr || b.value == nullptr) return std::nullopt;
  Number x, y;
  if (read_numbers(a, b, x, y)) {
    if (!x.is_float && !y.is_float) return x.integer < y.integer ? -1 : x.integer > y.integer ? 1 : 0;
    const long double left = x.as_float(), right = y.as_float();
    if (std::isnan(left) || std::isnan(right)) return kUnordered;
    return left < right ? -1 : left > right ? 1 : 0;
  }
  Text left, right;
  if (read_text(a, left) && read_text(b, right)) return order_text(a, left.view, b, right.view);
  return std::nullopt;
}

std::optional<boost::json::value> arithmetic(std::string_view op, const Operand& a, const Operand& b) {
  if (a.value == nullptr || b.value == nullptr) return std::nullopt;
  Number x, y;
  if (!read_numbers(a, b, x, y)) {
    Text left, right;
    if (op != "+" || a.truncated || b.truncated || !read_text(a, left) || !read_text(b, right))
      return std::nullopt;
    return text_value(std::string(left.view) + std::string(right.view));
  }
  if (!x.is_float && !y.is_float) return integer_arithmetic(op, x.integer, y.integer);
  const long double left = x.as_float(), right = y.as_float();
  if (op == "+") return float_value(left + right);
  if (op == "-") return float_value(left - right);
  if (op == "*") return float_value(left * right);
  if (op == "/" && right != 0) return float_value(left / right);
  return std::nullopt;
}

std::optional<boost::json::value> negated(const Operand& operand) {
  if (operand.value == nullptr) return std::nullopt;
  auto number = number_of(*operand.value);
  if (!number && operand.value->is_string()) number = special_float(operand.value->get_string());
  if (!number) return std::nullopt;
  return number->is_float ? float_value(-number->floating) : integer_value(-number->integer);
}

std::optional<boost::json::value> complement(const Operand& operand) {
  const auto value = integral(operand);
  if (!value) return std::nullopt;
  const auto bits = ~static_cast<std::uint64_t>(*value);
  if (*value > std::numeric_limits<std::int64_t>::max()) return integer_value(static_cast<Wide>(bits));
  return integer_value(static_cast<std::int64_t>(bits));
}

std::optional<std::int64_t> integer_of(const Operand& operand) {
  const auto value = integral(operand);
  if (!value || *value > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

std::optional<std::uint64_t> length_of(const Operand& operand) {
  if (operand.value == nullptr) return std::nullopt;
  if (operand.truncated) return operand.full_length;
  Text text;
  if (read_text(operand, text)) return text.view.size();
  if (const auto* array = operand.value->if_array()) return array->size();
  if (operand.value->is_object() && !is_pointer_value(*operand.value))
    return operand.value->get_object().size();
  return std::nullopt;
}

std::optional<bool> contains(const Operand& whole, const Operand& part) {
  if (whole.value == nullptr || part.value == nullptr) return std::nullopt;
  Text text, wanted;
  if (read_text(whole, text) && read_text(part, wanted)) {
    if (part.truncated) return std::nullopt;
    if (text.view.find(wanted.view) != std::string_view::npos) return true;
    return whole.truncated ? std::nullopt : std::optional(false);
  }
  if (whole.value->is_object() && !is_pointer_value(*whole.value) && read_text(part, wanted)) {
    if (whole.value->get_object().contains(wanted.view)) return true;
    return whole.truncated ? std::nullopt : std::optional(false);
  }
  return std::nullopt;
}

std::optional<bool> contains_key(const Operand& map, const Operand& key) {
  if (map.value == nullptr || key.value == nullptr || key.truncated) return std::nullopt;
  const auto* object = map.value->if_object();
  const auto name = name_of_key(*key.value);
  if (object == nullptr || !name || is_pointer_value(*map.value)) return std::nullopt;
  if (object->contains(*name)) return true;
  bool undecided = map.truncated;
  for (const auto& member : *object) {  // a number may be that of an enumerator
    const std::string_view other = member.key();
    const bool is_number = other.find_first_not_of("-0123456789") == std::string_view::npos;
    undecided = undecided || (key.value->is_number() && !is_number);
  }
  return undecided ? std::nullopt : std::optional(false);
}

std::optional<bool> starts_with(const Operand& whole, const Operand& part) {
  if (whole.value == nullptr || part.value == nullptr) return std::nullopt;
  Text text, wanted;
  if (!read_text(whole, text) || !read_text(part, wanted) || part.truncated) return std::nullopt;
  if (text.view.starts_with(wanted.view)) return true;
  const bool may_follow = whole.truncated && wanted.view.starts_with(text.view);
  return may_follow ? std::nullopt : std::optional(false);
}

}  // namespace backsight::query
