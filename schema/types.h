// The type graph that is stored with a plan, so that raw bytes can be shown
// years later without the binary. Typedefs and cv-qualifiers are resolved away;
// every offset comes from the debug information of that very binary.
#pragma once

#include "schema/ids.h"

#include <cstdint>
#include <string>
#include <vector>

namespace backsight::schema {

enum class TypeKind : std::uint8_t {
  kVoid,
  kInteger,  // also signed char and unsigned char: shown as numbers
  kBool,
  kChar,   // plain char, char8_t: shown as text
  kFloat,  // size 4, 8, 10-in-16 (x87 extended)
  kEnum,
  kPointer,
  kReference,  // lvalue and rvalue
  kStruct,     // struct and class
  kUnion,
  kArray,        // fixed length; count 0: flexible array member
  kFunction,     // target of function pointers
  kUndefined,    // declared only: undefined_type
  kUnsupported,  // not shown yet: unsupported_type
};

// A known layout recognised by member path; the offsets below are where that
// path led in this binary.
enum class Container : std::uint8_t {
  kNone,
  kString,  // data pointer at offset_a, length (u64) at offset_b; std::string, std::string_view
  kVector,  // begin pointer at offset_a, end pointer at offset_b; elements of `target`
};

struct Member {
  std::string name;  // empty: anonymous struct or union
  TypeId type;
  std::uint64_t offset_bytes = 0;
  std::uint32_t bit_offset = 0;  // from the start of offset_bytes, little endian
  std::uint32_t bit_size = 0;    // 0: not a bit-field
  bool is_base = false;          // name is then the base class's name
  bool operator==(const Member&) const = default;
};

struct Enumerator {
  std::string name;
  std::int64_t value = 0;
  bool operator==(const Enumerator&) const = default;
};

struct Type {
  TypeKind kind = TypeKind::kVoid;
  std::string name;  // as the language writes it: "shop::Order", "int", "const char*" is "char*"
  std::uint64_t size_bytes = 0;
  bool is_signed = false;       // kInteger, kEnum
  TypeId target = kNoType;      // kPointer, kReference, kArray, Container: element
  std::uint64_t count = 0;      // kArray
  std::vector<Member> members;  // kStruct, kUnion: bases first, then declaration order
  std::vector<Enumerator> enumerators;
  Container container = Container::kNone;
  std::uint32_t offset_a = 0;
  std::uint32_t offset_b = 0;
  bool operator==(const Type&) const = default;
};

// Index = TypeId::value. At most 65,535 types a plan.
using TypeTable = std::vector<Type>;

}  // namespace backsight::schema
