#include "probes/return_value.h"

#include "probes/class_passing.h"
#include "probes/value_class.h"

namespace backsight::probes {

using schema::Type;
using schema::TypeId;
using schema::TypeKind;
using schema::Unavailable;

namespace {

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
  const ValueClass classifier = classify_value(types.layout(), types.die_of(id));
  // Above two eightbytes only vector types avoid memory.
  if (type.size_bytes > 16 && classifier.has_vector)
    return unavailable_source(Unavailable::kInVectorRegister, "it may be returned in a vector register");
  if (classifier.has_x87 && type.size_bytes <= 32)
    return unavailable_source(Unavailable::kUnsupportedType, "it may be returned on the x87 stack");
  if (type.size_bytes > 16) return in_memory();
  const auto [low, high] = classifier.words;
  if (low == WordClass::kUnknown || high == WordClass::kUnknown) {
    return unavailable_source(Unavailable::kUnsupportedType,
                              "values of " + type.name + " are not returned in a known way");
  }
  if (low == WordClass::kMemory || high == WordClass::kMemory) return in_memory();
  if (low == WordClass::kSse || high == WordClass::kSse)
    return unavailable_source(Unavailable::kInVectorRegister, "it is returned in vector registers");
  // An empty class is what it is without a byte.
  if (classifier.is_empty() && type.size_bytes <= 8) return in_registers({make_op(BS_OP_PUSH_CONST)});
  if (low == WordClass::kNone) {
    return unavailable_source(Unavailable::kUnsupportedType,
                              "it has no content that is returned in a register");
  }
  std::vector<bs_op> ops = {make_op(BS_OP_PUSH_REG, BS_RAX)};
  if (type.size_bytes > 8)
    ops.push_back(high == WordClass::kInteger ? make_op(BS_OP_PUSH_REG, BS_RDX) : make_op(BS_OP_PUSH_CONST));
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
