// The operators of the expression language over JSON values, in three-valued
// logic: no result means "cannot be decided".
//
// Integers are exact: they are computed in 128 bits, and a result that fits
// neither int64 nor uint64 cannot be decided; so a negative number is below
// every unsigned one. A number that meets a float is compared exactly.
#pragma once

#include <boost/json/value.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace backsight::query {

// A value that an operator reads, and how much of it there is.
struct Operand {
  const boost::json::value* value = nullptr;  // null: not available
  bool truncated = false;                     // a string or array of which only the beginning is there
  std::optional<std::uint64_t> full_length;   // of a truncated one, where known
};

std::optional<bool> truth(const Operand& operand);
std::optional<bool> equal(const Operand& a, const Operand& b);
// Below 0, 0, above 0; kUnordered where one is NaN: then <, <=, > and >= are false.
inline constexpr int kUnordered = 1 << 20;
std::optional<int> order(const Operand& a, const Operand& b);
// `op` of * / % + - << >> & ^ |
std::optional<boost::json::value> arithmetic(std::string_view op, const Operand& a, const Operand& b);
std::optional<boost::json::value> negated(const Operand& operand);     // -x
std::optional<boost::json::value> complement(const Operand& operand);  // ~x
// A C integer or floating type: "int", "unsigned char", "uint64_t", "double", …
bool is_arithmetic_type(std::string_view name);
std::optional<boost::json::value> cast(std::string_view type, const Operand& operand);

std::optional<std::uint64_t> length_of(const Operand& operand);
// Text in text, or the name of a member of an object.
std::optional<bool> contains(const Operand& whole, const Operand& part);
// A key of a map that is shown as an object.
std::optional<bool> contains_key(const Operand& map, const Operand& key);
std::optional<bool> starts_with(const Operand& whole, const Operand& part);
// An integer (or bool) as int64, e.g. for an index.
std::optional<std::int64_t> integer_of(const Operand& operand);

}  // namespace backsight::query
