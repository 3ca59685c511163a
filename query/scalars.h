// Bytes of one scalar to its natural JSON value: integers, bool, plain char,
// floating point, enumerations and bit-fields. Pure; little endian (x86-64).
#pragma once

#include "schema/types.h"

#include <boost/json/value.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace backsight::query {

// Up to eight bytes, little endian; more are ignored.
std::uint64_t load_unsigned(std::span<const std::byte> bytes);

// `bytes` are exactly the type's. Nothing where the value has no JSON form that
// equals it (an odd size, a 128-bit integer or long double that does not fit).
std::optional<boost::json::value> decode_scalar(const schema::Type& type, std::span<const std::byte> bytes);

// A bit-field of `type` (integer, bool, enumeration, char): `bytes` begin at the
// member's offset_bytes. Nothing where the bits lie outside `bytes`.
std::optional<boost::json::value> decode_bit_field(const schema::Type& type, const schema::Member& member,
                                                   std::span<const std::byte> bytes);

// Bytes that the bit-field touches, from offset_bytes.
std::uint64_t bit_field_bytes(const schema::Member& member);

}  // namespace backsight::query
