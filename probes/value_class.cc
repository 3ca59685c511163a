#include "probes/value_class.h"

#include <algorithm>
#include <string_view>

namespace backsight::probes {

namespace {

constexpr int kMaxDepth = 16;
constexpr std::uint64_t kMaxElements = 16;

WordClass merge(WordClass a, WordClass b) {
  if (a == WordClass::kUnknown || b == WordClass::kUnknown) return WordClass::kUnknown;
  if (a == b || b == WordClass::kNone) return a;
  if (a == WordClass::kNone) return b;
  if (a == WordClass::kMemory || b == WordClass::kMemory || a == WordClass::kX87 || b == WordClass::kX87)
    return WordClass::kMemory;
  return a == WordClass::kInteger || b == WordClass::kInteger ? WordClass::kInteger : WordClass::kSse;
}

// By the entries of the debug information: a shape (schema::Container) has not all
// members of the class.
class Classifier {
 public:
  explicit Classifier(const TypeLayout& layout) : layout_(layout) {}

  void add(DieKey key, std::uint64_t offset, int depth) {
    const Die type = layout_.definition(key);
    const auto size = layout_.size(key);
    if (depth > kMaxDepth || !type || !size) return put(offset, WordClass::kUnknown);
    switch (type.tag()) {
      case DW_TAG_base_type:
        return add_base(type, offset, *size);
      case DW_TAG_enumeration_type:
      case DW_TAG_pointer_type:
      case DW_TAG_reference_type:
      case DW_TAG_rvalue_reference_type:
      case DW_TAG_ptr_to_member_type:
      case DW_TAG_unspecified_type:
        return add_scalar(offset, *size, std::min<std::uint64_t>(*size, 8), WordClass::kInteger);
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
        put(offset, WordClass::kUnknown);
    }
  }

  const ValueClass& result() const { return result_; }

 private:
  void add_base(const Die& type, std::uint64_t offset, std::uint64_t size) {
    switch (type.unsigned_value(DW_AT_encoding).value_or(0)) {
      case DW_ATE_float:
        // Of 16 bytes: x87 but for the types of 128 bits, which are of class SSE.
        result_.has_x87 |= size == 16 && type.name() && std::string_view(type.name()) == "long double";
        return add_scalar(offset, size, size, result_.has_x87 ? WordClass::kX87 : WordClass::kSse);
      case DW_ATE_complex_float:
        result_.has_x87 |= size > 16;
        return add_scalar(offset, size, size / 2, result_.has_x87 ? WordClass::kX87 : WordClass::kSse);
      case DW_ATE_decimal_float:
        return add_scalar(offset, size, size, WordClass::kSse);
      case DW_ATE_boolean:
      case DW_ATE_signed:
      case DW_ATE_signed_char:
      case DW_ATE_unsigned:
      case DW_ATE_unsigned_char:
      case DW_ATE_UTF:
        return add_scalar(offset, size, size, WordClass::kInteger);
      default:
        return put(offset, WordClass::kUnknown);
    }
  }

  // An unaligned field puts the whole into memory.
  void add_scalar(std::uint64_t offset, std::uint64_t size, std::uint64_t alignment, WordClass value) {
    if (alignment == 0 || size == 0 || size > 64) return put(offset, WordClass::kUnknown);
    if (offset % alignment != 0) return put(0, WordClass::kMemory);
    for (std::uint64_t at = 0; at < size; at += 8) put(offset + at, value);
    use(offset, value == WordClass::kX87 ? 10 : size);
  }

  void add_array(const Die& type, std::uint64_t offset, std::uint64_t size, int depth) {
    if (type.has(DW_AT_GNU_vector)) {
      result_.has_vector = true;
      return add_scalar(offset, size, size, WordClass::kSse);
    }
    const DieKey element = type.reference(DW_AT_type).value_or(0);
    const std::uint64_t bytes = layout_.size(element).value_or(0);
    for (std::uint64_t i = 0; bytes != 0 && i < size / bytes && i < kMaxElements; ++i)
      add(element, offset + i * bytes, depth + 1);
  }

  void add_member(const Die& member, std::uint64_t offset, int depth) {
    const DieKey type = member.reference(DW_AT_type).value_or(0);
    const auto at = member_offset(member);
    if (!at) return put(offset, WordClass::kUnknown);
    if (!member.has(DW_AT_bit_size)) return add(type, offset + *at, depth + 1);
    const std::uint64_t bits = member.unsigned_value(DW_AT_bit_size).value_or(0);
    const auto first = bit_position(member, layout_.size(type).value_or(0));
    if (!first || bits == 0 || !member.name()) return;  // unnamed: padding
    put(offset + *first / 8, WordClass::kInteger);
    put(offset + (*first + bits - 1) / 8, WordClass::kInteger);
    use(offset + *first / 8, (*first + bits - 1) / 8 - *first / 8 + 1);
  }

  void put(std::uint64_t offset, WordClass value) {
    WordClass& slot = result_.words[offset >= 8 ? 1 : 0];
    if (value == WordClass::kUnknown) use(0, 16);
    slot = offset >= 16 ? WordClass::kUnknown : merge(slot, value);
  }

  void use(std::uint64_t offset, std::uint64_t size) {
    for (std::uint64_t at = offset; at < offset + size && at < 16; ++at) result_.used |= 1u << at;
  }

  const TypeLayout& layout_;
  ValueClass result_;
};

}  // namespace

ValueClass classify_value(const TypeLayout& layout, DieKey type) {
  Classifier classifier(layout);
  classifier.add(type, 0, 0);
  return classifier.result();
}

}  // namespace backsight::probes
