#include "probes/return_value.h"

#include "probes/class_passing.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace backsight::probes {

using schema::Type;
using schema::TypeId;
using schema::TypeKind;
using schema::Unavailable;

namespace {

constexpr int kMaxDepth = 16;
constexpr std::uint64_t kMaxElements = 16;

enum class Class { kNone, kInteger, kSse, kMemory, kUnknown };

Class merge(Class a, Class b) {
  if (a == Class::kUnknown || b == Class::kUnknown) return Class::kUnknown;
  if (a == b || b == Class::kNone) return a;
  if (a == Class::kNone) return b;
  if (a == Class::kMemory || b == Class::kMemory) return Class::kMemory;
  return a == Class::kInteger || b == Class::kInteger ? Class::kInteger : Class::kSse;
}

// By the entries of the debug information: a shape (schema::Container) has not all
// members of the class.
class Classifier {
 public:
  explicit Classifier(const TypeLayout& layout) : layout_(layout) {}

  void add(DieKey key, std::uint64_t offset, int depth) {
    const Die type = layout_.definition(key);
    const auto size = layout_.size(key);
    if (depth > kMaxDepth || !type || !size) return put(offset, Class::kUnknown);
    switch (type.tag()) {
      case DW_TAG_base_type:
        return add_base(type, offset, *size);
      case DW_TAG_enumeration_type:
      case DW_TAG_pointer_type:
      case DW_TAG_reference_type:
      case DW_TAG_rvalue_reference_type:
      case DW_TAG_ptr_to_member_type:
      case DW_TAG_unspecified_type:
        return add_scalar(offset, *size, std::min<std::uint64_t>(*size, 8), Class::kInteger);
      case DW_TAG_array_type:
        return add_array(type, offset, *size, depth);
      case DW_TAG_structure_type:
      case DW_TAG_class_type:
      case DW_TAG_union_type:
        for_each_child(type, [&](Die&& child) {
          if (child.tag() == DW_TAG_inheritance || is_object_member(child)) add_member(child, offset, depth);
          return true;
        });
        return;
      default:
        put(offset, Class::kUnknown);
    }
  }

  const std::array<Class, 2>& classes() const { return classes_; }
  bool has_x87() const { return has_x87_; }
  bool has_vector() const { return has_vector_; }

 private:
  void add_base(const Die& type, std::uint64_t offset, std::uint64_t size) {
    switch (type.unsigned_value(DW_AT_encoding).value_or(0)) {
      case DW_ATE_float:
        // Of 16 bytes: x87 but for the types of 128 bits, which are of class SSE.
        has_x87_ |= size == 16 && type.name() && std::string_view(type.name()) == "long double";
        return add_scalar(offset, size, size, has_x87_ ? Class::kUnknown : Class::kSse);
      case DW_ATE_complex_float:
        has_x87_ |= size > 16;
        return add_scalar(offset, size, size / 2, has_x87_ ? Class::kUnknown : Class::kSse);
      case DW_ATE_decimal_float:
        return add_scalar(offset, size, size, Class::kSse);
      case DW_ATE_boolean:
      case DW_ATE_signed:
      case DW_ATE_signed_char:
      case DW_ATE_unsigned:
      case DW_ATE_unsigned_char:
      case DW_ATE_UTF:
        return add_scalar(offset, size, size, Class::kInteger);
      default:
        return put(offset, Class::kUnknown);
    }
  }

  // An unaligned field puts the whole into memory.
  void add_scalar(std::uint64_t offset, std::uint64_t size, std::uint64_t alignment, Class value) {
    if (alignment == 0 || size == 0 || size > 64) return put(offset, Class::kUnknown);
    if (offset % alignment != 0) return put(0, Class::kMemory);
    for (std::uint64_t at = 0; at < size; at += 8) put(offset + at, value);
  }

  void add_array(const Die& type, std::uint64_t offset, std::uint64_t size, int depth) {
    if (type.has(DW_AT_GNU_vector)) {
      has_vector_ = true;
      return add_scalar(offset, size, size, Class::kSse);
    }
    const DieKey element = type.reference(DW_AT_type).value_or(0);
    const std::uint64_t bytes = layout_.size(element).value_or(0);
    for (std::uint64_t i = 0; bytes != 0 && i < size / bytes && i < kMaxElements; ++i)
      add(element, offset + i * bytes, depth + 1);
  }

  void add_member(const Die& member, std::uint64_t offset, int depth) {
    const DieKey type = member.reference(DW_AT_type).value_or(0);
    const auto at = member_offset(member);
    if (!at) return put(offset, Class::kUnknown);
    if (!member.has(DW_AT_bit_size)) return add(type, offset + *at, depth + 1);
    const std::uint64_t bits = member.unsigned_value(DW_AT_bit_size).value_or(0);
    const auto first = bit_position(member, layout_.size(type).value_or(0));
    if (!first || bits == 0 || !member.name()) return;  // unnamed: padding
    put(offset + *first / 8, Class::kInteger);
    put(offset + (*first + bits - 1) / 8, Class::kInteger);
  }

  void put(std::uint64_t offset, Class value) {
    Class& slot = classes_[offset >= 8 ? 1 : 0];
    slot = offset >= 16 ? Class::kUnknown : merge(slot, value);
  }

  const TypeLayout& layout_;
  bool has_x87_ = false;
  bool has_vector_ = false;
  std::array<Class, 2> classes_ = {Class::kNone, Class::kNone};
};

ValueSource in_registers(std::vector<bs_op> ops) {
  ValueSource result;
  result.ops = std::move(ops);
  return result;
}

ValueSource in_memory() {
  ValueSource result = in_registers({make_op(BS_OP_PUSH_REG, BS_RAX)});
  result.in_memory = true;
  return result;
}

ValueSource classify(const TypeBuilder& types, TypeId id) {
  const Type& type = types.type(id);
  const Passing how = class_passing(types.layout(), types.die_of(id));
  if (how == Passing::kByReference) return in_memory();
  if (how == Passing::kUnknown) {
    return unavailable_source(Unavailable::kUnsupportedType,
                              "the debug information does not say how it is returned");
  }
  Classifier classifier(types.layout());
  classifier.add(types.die_of(id), 0, 0);
  // Above two eightbytes only vector types avoid memory.
  if (type.size_bytes > 16 && classifier.has_vector())
    return unavailable_source(Unavailable::kInVectorRegister, "it may be returned in a vector register");
  if (classifier.has_x87() && type.size_bytes <= 32)
    return unavailable_source(Unavailable::kUnsupportedType, "it may be returned on the x87 stack");
  if (type.size_bytes > 16) return in_memory();
  const auto [low, high] = classifier.classes();
  if (low == Class::kUnknown || high == Class::kUnknown) {
    return unavailable_source(Unavailable::kUnsupportedType,
                              "values of " + type.name + " are not returned in a known way");
  }
  if (low == Class::kMemory || high == Class::kMemory) return in_memory();
  if (low == Class::kSse || high == Class::kSse)
    return unavailable_source(Unavailable::kInVectorRegister, "it is returned in vector registers");
  // An empty class is what it is without a byte.
  if (low == Class::kNone && high == Class::kNone && type.size_bytes <= 8)
    return in_registers({make_op(BS_OP_PUSH_CONST)});
  if (low == Class::kNone) {
    return unavailable_source(Unavailable::kUnsupportedType,
                              "it has no content that is returned in a register");
  }
  std::vector<bs_op> ops = {make_op(BS_OP_PUSH_REG, BS_RAX)};
  if (type.size_bytes > 8)
    ops.push_back(high == Class::kInteger ? make_op(BS_OP_PUSH_REG, BS_RDX) : make_op(BS_OP_PUSH_CONST));
  return in_registers(std::move(ops));
}

// The classification must agree with where the first parameter was found.
ValueSource from_class(const TypeBuilder& types, TypeId id, FirstParameter first) {
  ValueSource result = classify(types, id);
  if (first == FirstParameter::kInRsi) return in_memory();
  if (first == FirstParameter::kInRdi && result.in_memory)
    return unavailable_source(Unavailable::kUnsupportedType, "it is unclear how it is returned");
  return result;
}

}  // namespace

ValueSource locate_return_value(const DwarfSession& session, TypeBuilder& types, TypeId id,
                                FirstParameter first) {
  const Type& type = types.type(id);
  const Dwarf_Half tag = session.die(types.die_of(id)).tag();
  if (type.kind == TypeKind::kUndefined)
    return unavailable_source(Unavailable::kUndefinedType, "its type is only declared");
  if (type.kind == TypeKind::kUnsupported)
    return unavailable_source(Unavailable::kUnsupportedType, "its type is not supported yet");
  if (is_class_tag(tag)) return from_class(types, id, first);
  switch (type.kind) {
    case TypeKind::kInteger:
    case TypeKind::kBool:
    case TypeKind::kChar:
    case TypeKind::kEnum:
    case TypeKind::kPointer:
    case TypeKind::kReference:
      return in_registers({make_op(BS_OP_PUSH_REG, BS_RAX)});
    case TypeKind::kMemberPointer:
      if (type.size_bytes == 8) return in_registers({make_op(BS_OP_PUSH_REG, BS_RAX)});
      return in_registers({make_op(BS_OP_PUSH_REG, BS_RAX), make_op(BS_OP_PUSH_REG, BS_RDX)});
    case TypeKind::kFloat:
    case TypeKind::kComplex:
      if (type.size_bytes > (type.kind == TypeKind::kFloat ? 8u : 16u))
        return unavailable_source(Unavailable::kUnsupportedType, "it is returned on the x87 stack");
      return unavailable_source(Unavailable::kInVectorRegister, "it is returned in a vector register");
    default:
      return unavailable_source(Unavailable::kUnsupportedType, "its type is not supported yet");
  }
}

}  // namespace backsight::probes
