#include "probes/type_builder.h"

#include "probes/type_name.h"

#include <algorithm>

namespace backsight::probes {

using schema::kNoType;
using schema::Type;
using schema::TypeId;
using schema::TypeKind;

namespace {

constexpr std::size_t kMaxTypes = 40'000;
constexpr std::size_t kMaxEnumerators = 4096;
constexpr std::size_t kMaxDimensions = 8;

}  // namespace

TypeId TypeBuilder::add(Type type) {
  if (nodes_.size() >= kMaxTypes) return unsupported();
  nodes_.push_back({std::move(type), 0, {}, false, false});
  return {static_cast<std::uint32_t>(nodes_.size() - 1)};
}

TypeId TypeBuilder::unsupported() {
  if (unsupported_ == kNoType) {
    unsupported_ = {static_cast<std::uint32_t>(nodes_.size())};
    Type type;
    type.kind = TypeKind::kUnsupported;
    nodes_.push_back({type, 0, {}, false, false});
  }
  return unsupported_;
}

TypeId TypeBuilder::build(DieKey key) {
  DieKey alias = 0;
  key = strip_qualifiers(session_, key, &alias);
  if (key == 0) {
    if (void_ == kNoType) {
      Type type;
      type.name = "void";
      void_ = add(std::move(type));
    }
    return void_;
  }
  if (const auto it = built_.find(key); it != built_.end()) return it->second;
  const Die die = session_.die(key);
  if (!die) return unsupported();
  if (die.has(DW_AT_declaration)) {
    const DieKey definition = layout_.complete(key);
    if (definition != key) {
      const TypeId id = build(definition);
      built_[key] = id;
      return id;
    }
  }
  const TypeId id = add({});
  if (id == unsupported_) return id;
  built_[key] = id;
  nodes_[id.value].die = key;
  nodes_[id.value].in_progress = true;
  std::string name = index_.qualified_name(die);
  if (name.empty() && alias != 0) name = index_.qualified_name(session_.die(alias));
  nodes_[id.value].type.name = std::move(name);
  nodes_[id.value].type.size_bytes = die.unsigned_value(DW_AT_byte_size).value_or(0);
  fill(id, die);
  nodes_[id.value].in_progress = false;
  nodes_[id.value].type.name = short_type_name(std::move(nodes_[id.value].type.name));
  return id;
}

TypeId TypeBuilder::build_value(DieKey key) {
  const auto it = built_.find(layout_.complete(key));
  // A structure cannot hold itself: damaged debug information.
  if (it != built_.end() && nodes_[it->second.value].in_progress) return unsupported();
  return build(key);
}

void TypeBuilder::fill(TypeId id, const Die& die) {
  Type& type = nodes_[id.value].type;
  if (die.has(DW_AT_declaration)) {
    type.kind = TypeKind::kUndefined;
    return;
  }
  switch (die.tag()) {
    case DW_TAG_base_type:
      return fill_base(type, die);
    case DW_TAG_enumeration_type:
      return fill_enum(type, die);
    case DW_TAG_pointer_type:
      return fill_pointer(id, die, TypeKind::kPointer);
    case DW_TAG_reference_type:
    case DW_TAG_rvalue_reference_type:
      return fill_pointer(id, die, TypeKind::kReference);
    case DW_TAG_structure_type:
    case DW_TAG_class_type:
      return fill_struct(id, die, TypeKind::kStruct);
    case DW_TAG_union_type:
      return fill_struct(id, die, TypeKind::kUnion);
    case DW_TAG_array_type:
      return fill_array(id, die);
    case DW_TAG_subroutine_type:
      type.kind = TypeKind::kFunction;
      type.name = spelling(die.key());
      return;
    case DW_TAG_ptr_to_member_type:
      return fill_member_pointer(id, die);
    default:
      type.kind = TypeKind::kUnsupported;
  }
}

void TypeBuilder::fill_base(Type& type, const Die& die) const {
  const std::uint64_t size = type.size_bytes;
  type.kind = TypeKind::kUnsupported;
  switch (die.unsigned_value(DW_AT_encoding).value_or(0)) {
    case DW_ATE_boolean:
      if (size == 1) type.kind = TypeKind::kBool;
      break;
    case DW_ATE_signed:
    case DW_ATE_signed_char:
      type.is_signed = true;
      [[fallthrough]];
    case DW_ATE_unsigned:
    case DW_ATE_unsigned_char:
    case DW_ATE_UTF:
      if (size == 1 || size == 2 || size == 4 || size == 8) {
        const bool is_text = size == 1 && (type.name == "char" || type.name == "char8_t");
        type.kind = is_text ? TypeKind::kChar : TypeKind::kInteger;
      }
      break;
    case DW_ATE_float:
      // 16 bytes are x87's 10 only for long double; __float128 is not shown yet.
      if (size == 4 || size == 8 || (size == 16 && type.name == "long double")) type.kind = TypeKind::kFloat;
      break;
    case DW_ATE_complex_float:
      if (size == 8 || size == 16 || (size == 32 && type.name == "complex long double"))
        type.kind = TypeKind::kComplex;
      break;
    default:
      break;
  }
}

void TypeBuilder::fill_enum(Type& type, const Die& die) const {
  type.kind = TypeKind::kEnum;
  bool known_sign = false;
  if (const auto underlying = die.reference(DW_AT_type)) {
    const Die base = session_.die(strip_qualifiers(session_, *underlying));
    const auto encoding = base.unsigned_value(DW_AT_encoding).value_or(0);
    type.is_signed = encoding == DW_ATE_signed || encoding == DW_ATE_signed_char;
    known_sign = true;
  }
  const std::uint64_t size = type.size_bytes;
  if (size != 1 && size != 2 && size != 4 && size != 8) {
    type.kind = TypeKind::kUnsupported;
    return;
  }
  for_each_child(die, [&](Die&& child) {
    const auto value = child.signed_value(DW_AT_const_value);
    if (child.tag() == DW_TAG_enumerator && child.name() && value) {
      if (!known_sign && *value < 0) type.is_signed = true;
      type.enumerators.push_back({child.name(), *value});
    }
    return type.enumerators.size() < kMaxEnumerators;
  });
}

void TypeBuilder::fill_pointer(TypeId id, const Die& die, TypeKind kind) {
  Node& node = nodes_[id.value];
  node.type.kind = kind;
  node.type.size_bytes = 8;
  node.pending = Target{die.reference(DW_AT_type).value_or(0)};
  node.has_pending = true;
  const Die target = session_.die(strip_qualifiers(session_, node.pending.type));
  std::string name = target ? index_.qualified_name(target) : "void";
  if (name.empty()) {
    node.type.name = spelling(die.key());
    return;
  }
  name = short_type_name(std::move(name));
  node.type.name = name + (kind == TypeKind::kPointer           ? "*"
                           : die.tag() == DW_TAG_reference_type ? "&"
                                                                : "&&");
}

void TypeBuilder::fill_array(TypeId id, const Die& die) {
  std::vector<std::uint64_t> counts;
  bool is_constant = !die.has(DW_AT_GNU_vector);
  for_each_child(die, [&](Die&& child) {
    if (child.tag() != DW_TAG_subrange_type) return true;
    if (counts.size() == kMaxDimensions) return is_constant = false;
    if (const auto count = child.unsigned_value(DW_AT_count)) {
      counts.push_back(*count);
    } else if (const auto upper = child.signed_value(DW_AT_upper_bound)) {
      // gcc writes an upper bound of -1 for an array of no elements.
      const bool is_none = *upper == -1 || static_cast<std::uint64_t>(*upper) == 0xffffffffull;
      counts.push_back(is_none ? 0 : static_cast<std::uint64_t>(*upper) + 1);
    } else {
      is_constant = is_constant && !child.has(DW_AT_upper_bound) && !child.has(DW_AT_count);
      counts.push_back(0);
    }
    return true;
  });
  TypeId element = build_value(die.reference(DW_AT_type).value_or(0));
  if (counts.empty()) counts.push_back(0);
  for (std::size_t i = counts.size(); i-- > 0;) element = array_of(element, counts[i]);
  nodes_[id.value].type = nodes_[element.value].type;
  if (!is_constant) nodes_[id.value].type.kind = TypeKind::kUnsupported;
}

TypeId TypeBuilder::array_of(TypeId element, std::uint64_t count) {
  const Type& inner = nodes_[element.value].type;
  Type type;
  type.kind = TypeKind::kArray;
  type.target = element;
  type.count = count;
  const auto bracket = inner.kind == TypeKind::kArray ? inner.name.find('[') : std::string::npos;
  const std::string extent = "[" + (count ? std::to_string(count) : std::string()) + "]";
  type.name = bracket == std::string::npos
                  ? inner.name + extent
                  : inner.name.substr(0, bracket) + extent + inner.name.substr(bracket);
  const bool overflows = inner.size_bytes != 0 && count > (1ull << 40) / inner.size_bytes;
  type.size_bytes = overflows ? 0 : inner.size_bytes * count;
  if (overflows || inner.kind == TypeKind::kUnsupported || inner.kind == TypeKind::kUndefined)
    type.kind = TypeKind::kUnsupported;
  return add(std::move(type));
}

TypeId TypeBuilder::pointee(TypeId id) {
  Node& node = nodes_[id.value];
  if (!node.has_pending) return node.type.target;
  const Target pending = node.pending;
  node.has_pending = false;
  const TypeId found = target(pending, true);
  nodes_[id.value].type.target = found;
  return found;
}

TypeId TypeBuilder::pointer_to(TypeId target) {
  const auto it = pointers_.find(target.value);
  if (it != pointers_.end()) return it->second;
  Type type;
  type.kind = TypeKind::kPointer;
  type.size_bytes = 8;
  type.target = target;
  type.name = nodes_[target.value].type.name + "*";
  const TypeId id = add(std::move(type));
  pointers_[target.value] = id;
  return id;
}

TypeId TypeBuilder::clone(TypeId id) {
  if (nodes_.size() >= kMaxTypes) return id;
  Node copy = nodes_[id.value];
  nodes_.push_back(std::move(copy));
  return {static_cast<std::uint32_t>(nodes_.size() - 1)};
}

}  // namespace backsight::probes
