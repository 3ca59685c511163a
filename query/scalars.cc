#include "query/scalars.h"

#include "query/text.h"

#include <boost/json.hpp>

#include <cmath>
#include <cstring>
#include <limits>

namespace backsight::query {
namespace {

using schema::Type;
using schema::TypeKind;

std::int64_t sign_extend(std::uint64_t value, unsigned bits) {
  if (bits >= 64) return static_cast<std::int64_t>(value);
  const unsigned shift = 64 - bits;
  return static_cast<std::int64_t>(value << shift) >> shift;
}

// The low `bits` bits of `raw` as a value of `type`.
std::optional<boost::json::value> integral_value(const Type& type, std::uint64_t raw, unsigned bits) {
  switch (type.kind) {
    case TypeKind::kBool:
      return boost::json::value(raw != 0);
    case TypeKind::kInteger:
    case TypeKind::kChar:
      if (type.is_signed) return boost::json::value(sign_extend(raw, bits));
      return boost::json::value(raw);
    case TypeKind::kEnum: {
      const std::int64_t value = type.is_signed ? sign_extend(raw, bits) : static_cast<std::int64_t>(raw);
      for (const schema::Enumerator& enumerator : type.enumerators) {
        if (enumerator.value == value) return boost::json::value(boost::json::string(enumerator.name));
      }
      if (type.is_signed) return boost::json::value(value);
      return boost::json::value(raw);
    }
    default:
      return std::nullopt;
  }
}

std::optional<boost::json::value> wide_integer(const Type& type, std::span<const std::byte> bytes) {
  const std::uint64_t low = load_unsigned(bytes.first(8)), high = load_unsigned(bytes.subspan(8));
  if (high == 0 && (!type.is_signed || low <= std::numeric_limits<std::int64_t>::max())) {
    return boost::json::value(low);
  }
  if (type.is_signed && high == ~0ull && (low >> 63) == 1) {
    return boost::json::value(static_cast<std::int64_t>(low));
  }
  return std::nullopt;
}

boost::json::value number_value(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return value;
}

std::optional<boost::json::value> float_value(const Type& type, std::span<const std::byte> bytes) {
  if (bytes.size() == 4) {
    float value = 0;
    std::memcpy(&value, bytes.data(), 4);
    return number_value(static_cast<double>(value));
  }
  if (bytes.size() == 8) {
    double value = 0;
    std::memcpy(&value, bytes.data(), 8);
    return number_value(value);
  }
  // x87 extended in 16 bytes; another 16-byte format has another name.
  if (bytes.size() != 16 || type.name.find("128") != std::string::npos) return std::nullopt;
  static_assert(sizeof(long double) == 16 && std::numeric_limits<long double>::digits == 64);
  long double value = 0;
  std::memcpy(&value, bytes.data(), 10);
  if (std::isnan(value) || std::isinf(value)) return number_value(static_cast<double>(value));
  const double narrow = static_cast<double>(value);
  if (static_cast<long double>(narrow) != value) return std::nullopt;
  return number_value(narrow);
}

}  // namespace

std::uint64_t load_unsigned(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), bytes.size() < 8 ? bytes.size() : 8);
  return value;
}

std::optional<boost::json::value> decode_scalar(const Type& type, std::span<const std::byte> bytes) {
  if (bytes.size() != type.size_bytes || bytes.empty()) return std::nullopt;
  if (type.kind == TypeKind::kFloat) return float_value(type, bytes);
  if (type.kind == TypeKind::kChar && bytes.size() == 1) return text_value(as_text(bytes));
  if (type.kind == TypeKind::kInteger && bytes.size() == 16) return wide_integer(type, bytes);
  if (bytes.size() > 8 || (bytes.size() & (bytes.size() - 1)) != 0) return std::nullopt;
  return integral_value(type, load_unsigned(bytes), static_cast<unsigned>(bytes.size() * 8));
}

std::uint64_t bit_field_bytes(const schema::Member& member) {
  return (static_cast<std::uint64_t>(member.bit_offset) + member.bit_size + 7) / 8;
}

std::optional<boost::json::value> decode_bit_field(const Type& type, const schema::Member& member,
                                                   std::span<const std::byte> bytes) {
  if (member.bit_size == 0 || member.bit_size > 64 || bit_field_bytes(member) > bytes.size())
    return std::nullopt;
  const auto window = bytes.subspan(member.bit_offset / 8);
  const unsigned shift = member.bit_offset % 8;
  std::uint64_t raw = load_unsigned(window) >> shift;
  if (shift != 0 && window.size() > 8) raw |= static_cast<std::uint64_t>(window[8]) << (64 - shift);
  if (member.bit_size < 64) raw &= (1ull << member.bit_size) - 1;
  return integral_value(type, raw, member.bit_size);
}

}  // namespace backsight::query
