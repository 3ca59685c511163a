#include "probes/return_value.h"

#include "probes/class_passing.h"

#include <array>

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

class Classifier {
 public:
  explicit Classifier(const TypeBuilder& types) : types_(types) {}

  void add(TypeId id, std::uint64_t offset, int depth) {
    const Type& type = types_.type(id);
    if (depth > kMaxDepth) return put(offset, Class::kUnknown);
    switch (type.kind) {
      case TypeKind::kInteger:
      case TypeKind::kBool:
      case TypeKind::kChar:
      case TypeKind::kEnum:
      case TypeKind::kPointer:
      case TypeKind::kReference:
        // An unaligned field puts the whole into memory.
        if (offset % type.size_bytes != 0) return put(0, Class::kMemory);
        return put(offset, Class::kInteger);
      case TypeKind::kFloat:
        if (type.size_bytes > 8) return put(offset, Class::kUnknown);
        return offset % type.size_bytes != 0 ? put(0, Class::kMemory) : put(offset, Class::kSse);
      case TypeKind::kArray: {
        const std::uint64_t size = types_.type(type.target).size_bytes;
        for (std::uint64_t i = 0; i < type.count && i < kMaxElements; ++i) {
          add(type.target, offset + i * size, depth + 1);
        }
        return;
      }
      case TypeKind::kStruct:
      case TypeKind::kUnion:
        if (type.container != schema::Container::kNone && type.members.empty())
          return put(offset, Class::kUnknown);
        for (const schema::Member& member : type.members) {
          if (member.bit_size != 0) {
            const std::uint64_t first = member.offset_bytes * 8 + member.bit_offset;
            put(offset + first / 8, Class::kInteger);
            put(offset + (first + member.bit_size - 1) / 8, Class::kInteger);
          } else {
            add(member.type, offset + member.offset_bytes, depth + 1);
          }
        }
        return;
      default:
        put(offset, Class::kUnknown);
    }
  }

  const std::array<Class, 2>& classes() const { return classes_; }

 private:
  void put(std::uint64_t offset, Class value) {
    Class& slot = classes_[offset >= 8 ? 1 : 0];
    slot = offset >= 16 ? Class::kUnknown : merge(slot, value);
  }

  const TypeBuilder& types_;
  std::array<Class, 2> classes_ = {Class::kNone, Class::kNone};
};

ValueSource in_memory() {
  return {Unavailable::kNone, {}, true, {make_op(BS_OP_PUSH_REG, BS_RAX)}};
}

ValueSource classify(const DwarfSession& session, const TypeBuilder& types, TypeId id) {
  const Type& type = types.type(id);
  const Passing how = class_passing(session, types.die_of(id));
  if (how == Passing::kByReference) return in_memory();
  if (how == Passing::kUnknown) {
    return unavailable_source(Unavailable::kUnsupportedType,
                              "the debug information does not say how it is returned");
  }
  Classifier classifier(types);
  if (type.size_bytes > 16) {
    // Above two eightbytes only vector types avoid memory, and those are not shown.
    return in_memory();
  }
  classifier.add(id, 0, 0);
  const auto [low, high] = classifier.classes();
  if (low == Class::kUnknown || high == Class::kUnknown) {
    return unavailable_source(Unavailable::kUnsupportedType,
                              "values of " + type.name + " are not returned in a known way");
  }
  if (low == Class::kMemory || high == Class::kMemory) return in_memory();
  if (low == Class::kSse || high == Class::kSse) {
    return unavailable_source(Unavailable::kInVectorRegister, "it is returned in vector registers");
  }
  if (low == Class::kNone) {
    return unavailable_source(Unavailable::kUnsupportedType,
                              "it has no content that is returned in a register");
  }
  ValueSource result;
  result.ops.push_back(make_op(BS_OP_PUSH_REG, BS_RAX));
  if (type.size_bytes > 8) {
    result.ops.push_back(high == Class::kInteger ? make_op(BS_OP_PUSH_REG, BS_RDX)
                                                 : make_op(BS_OP_PUSH_CONST));
  }
  return result;
}

// The classification must agree with where the first parameter was found.
ValueSource from_class(const DwarfSession& session, const TypeBuilder& types, TypeId id,
                       FirstParameter first) {
  ValueSource result = classify(session, types, id);
  if (first == FirstParameter::kInRsi) return in_memory();
  if (first == FirstParameter::kInRdi && result.in_memory) {
    return unavailable_source(Unavailable::kUnsupportedType, "it is unclear how it is returned");
  }
  return result;
}

}  // namespace

ValueSource locate_return_value(const DwarfSession& session, TypeBuilder& types, TypeId id,
                                FirstParameter first) {
  const Type& type = types.type(id);
  switch (type.kind) {
    case TypeKind::kInteger:
    case TypeKind::kBool:
    case TypeKind::kChar:
    case TypeKind::kEnum:
    case TypeKind::kPointer:
    case TypeKind::kReference:
      return {Unavailable::kNone, {}, false, {make_op(BS_OP_PUSH_REG, BS_RAX)}};
    case TypeKind::kFloat:
      if (type.size_bytes > 8)
        return unavailable_source(Unavailable::kUnsupportedType, "it is returned on the x87 stack");
      return unavailable_source(Unavailable::kInVectorRegister, "it is returned in a vector register");
    case TypeKind::kStruct:
    case TypeKind::kUnion:
      return from_class(session, types, id, first);
    case TypeKind::kUndefined:
      return unavailable_source(Unavailable::kUndefinedType, "its type is only declared");
    default:
      return unavailable_source(Unavailable::kUnsupportedType, "its type is not supported yet");
  }
}

}  // namespace backsight::probes
