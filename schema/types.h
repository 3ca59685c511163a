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
  kComplex,      // two floats, each of half the size
  // To a data member: 8 bytes, its offset, -1 for null; `enumerators` name the
  // members by offset. To a member function: 16 bytes {pointer, adjustment};
  // `enumerators` name the virtual functions by vtable slot.
  kMemberPointer,
  kDynamicLink,  // 16 bytes {address of the complete object, TypeId}: see Type::dynamic
  kRedacted,     // of that name and size, its bytes are not in the recording: redacted
};

// A known layout recognised by member path: how a value is shown, and where its
// parts are in this binary. The shapes are those of no one library; offsets are
// from the value's begin. `layout` is used as each line says.
enum class Container : std::uint8_t {
  kNone,
  kString,         // data pointer at a, length (u64, in units of `target`) at b
  kVector,         // begin pointer at a, end pointer at b; elements of `target`
  kFlaggedString,  // as kString where the flag says long, else in place: layout::Flagged
  kCounted,        // data pointer at a, count (u64) at b; elements of `target`: span, initializer_list
  kBits,           // `count` bits from offset a, least significant first: bitset
  kBitVector,      // vector<bool>: layout::BitVector; `target`: the words
  kList,           // linked nodes: layout::List; `target`: the node, members[0] its value
  kTree,           // red-black tree: layout::Tree; `target`: the node, members[0] its value
  kDeque,          // blocks: layout::Deque; `target`: elements; members[0]: a pointer to a block
  kTuple,          // members in order
  kOptional,       // engaged (u8) at a; members[0]: the value
  kVariant,        // index at a, of b bytes (all ones: valueless); members: the alternatives, in order
  kAny,            // manager function at a (null: empty), storage at b
  kSmartPointer,   // pointer at a to `target`
  kWeakPointer,    // pointer at a to `target`; members[0]: pointer to a structure whose members[0]
                   // is the use count, which is layout[0] where the object is gone
  kCallable,       // functor storage at a, manager function at b (null: empty), layout[0]: invoker function;
                   // or, where it has members, members[0]: pointer (null: empty) to a kCallableObject
  kTransparent,    // shown as members[0]: atomic, array, path, thread::id, adapters
  kDuration,       // members[0] ticks of layout[0] / layout[1] seconds
  kTimePoint,      // members[0]: a kDuration since the epoch; layout[0] = 1: of the system clock
  kMutex,          // lock word (i32, 0: free) at a, owner's thread id (i32) at b

  // What keeps a functor by virtual functions: vptr at a, functor storage at b.
  kCallableObject,
};

// What Type::layout holds. kNoOffset: there is no such part.
namespace layout {
inline constexpr std::uint64_t kNoOffset = 0xffffffff;
// The flag is (byte at kFlagOffset & kFlagMask) == kFlagLong. Short: the length is
// (byte at kShortSize >> kShortShift) & kShortMask, the text begins at kShortData.
enum Flagged {
  kFlagOffset,
  kFlagMask,
  kFlagLong,
  kShortSize,
  kShortShift,
  kShortMask,
  kShortData,
  kFlaggedFields
};
// First word's pointer at a. kEndIsPointer: pointer to the last, perhaps partial,
// word at b and the number of its bits (u32) at kEndBits. Otherwise the number of
// bits (u64) at b.
enum BitVector { kEndIsPointer, kEndBits, kBitVectorFields };
// First node's pointer at a, number of nodes (u64) at b or kNoOffset; kNext: offset
// of the next node's pointer in a node. The list ends at null, or at the address
// of the container + kSentinel, if that is not kNoOffset.
enum List { kNext, kSentinel, kListFields };
// Leftmost node's pointer at a, number of nodes (u64) at b; offsets in a node.
enum Tree { kParent, kLeft, kRight, kTreeFields };
// kByIterators: the first iterator at a, the one behind the last at b, each
// {current, first of block, end of block, block's place in the map}, 32 bytes.
// Otherwise: pointer to the map's first used place at a, at b the number of the
// first element and behind it the number of elements (u64 each).
enum Deque { kByIterators, kBlockElements, kDequeFields };
}  // namespace layout

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
  bool is_signed = false;  // kInteger, kEnum
  TypeId target =
      kNoType;  // kPointer, kReference, kArray, kDynamicLink (the static type), Container: see there
  std::uint64_t count = 0;      // kArray
  std::vector<Member> members;  // kStruct, kUnion: bases first, then declaration order
  std::vector<Enumerator> enumerators;
  Container container = Container::kNone;
  std::uint32_t offset_a = 0;
  std::uint32_t offset_b = 0;
  std::vector<std::uint64_t> layout;
  bool is_map = false;  // a container whose elements are {first, second}: key and value
  // Polymorphic class whose objects are captured as what they are: the type of
  // the item that leads from a pointer's address to the complete object, of kind
  // kDynamicLink. kNoType: shown as the type it was declared with.
  TypeId dynamic = kNoType;
  bool is_polymorphic = false;
  bool operator==(const Type&) const = default;
};

// Index = TypeId::value. At most 65,535 types a plan.
using TypeTable = std::vector<Type>;

}  // namespace backsight::schema
