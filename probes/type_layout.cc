#include "probes/type_layout.h"

#include <algorithm>

namespace backsight::probes {

namespace {

constexpr int kMaxQualifiers = 64;
constexpr int kMaxBases = 24;
constexpr int kMaxAlignmentDepth = 24;
constexpr int kMaxArgumentDepth = 4;
constexpr std::size_t kMaxArguments = 256;
constexpr std::uint64_t kMaxSize = 1ull << 40;

bool has_name(const Die& die, std::string_view wanted) {
  const char* name = die.name();
  if (!name) return false;
  const std::string_view text = name;
  return text.substr(0, text.find('<')) == wanted;
}

// Elements of all dimensions; none if that is not a constant.
std::optional<std::uint64_t> element_count(const Die& array) {
  std::optional<std::uint64_t> total = 1;
  for_each_child(array, [&](Die&& child) {
    if (child.tag() != DW_TAG_subrange_type) return true;
    const auto count = child.unsigned_value(DW_AT_count);
    const auto upper = child.signed_value(DW_AT_upper_bound);
    if (!count && !upper) {
      if (child.has(DW_AT_upper_bound) || child.has(DW_AT_count))
        total.reset();
      else
        total = 0;  // flexible
      return false;
    }
    const bool is_none = !count && (*upper == -1 || static_cast<std::uint64_t>(*upper) == 0xffffffffull);
    const std::uint64_t one = count ? *count : is_none ? 0 : static_cast<std::uint64_t>(*upper) + 1;
    if (one != 0 && *total > kMaxSize / one)
      total.reset();
    else
      *total *= one;
    return total.has_value();
  });
  return total;
}

}  // namespace

DieKey strip_qualifiers(const DwarfSession& session, DieKey key, DieKey* alias) {
  for (int i = 0; i < kMaxQualifiers && key != 0; ++i) {
    const Die die = session.die(key);
    switch (die.tag()) {
      case DW_TAG_typedef:
        if (alias) *alias = key;
        [[fallthrough]];
      case DW_TAG_const_type:
      case DW_TAG_volatile_type:
      case DW_TAG_restrict_type:
      case DW_TAG_atomic_type:
        key = die.reference(DW_AT_type).value_or(0);
        break;
      default:
        // What stands for a type unit; gcc does not call it a declaration.
        if (const auto definition = die.name() ? std::nullopt : die.reference(DW_AT_signature))
          return *definition;
        return key;
    }
  }
  return key;
}

std::optional<std::uint64_t> member_offset(const Die& die) {
  if (die.unsigned_value(DW_AT_virtuality).value_or(0) != 0) return std::nullopt;
  if (!die.has(DW_AT_data_member_location)) return 0;
  if (const auto offset = die.unsigned_value(DW_AT_data_member_location)) return offset;
  const auto block = die.block(DW_AT_data_member_location);
  if (block.size() < 2 || block[0] != DW_OP_plus_uconst) return std::nullopt;
  std::uint64_t value = 0;
  unsigned shift = 0;
  for (std::size_t i = 1; i < block.size() && shift < 63; ++i, shift += 7) {
    value |= std::uint64_t{block[i] & 0x7fu} << shift;
    if (!(block[i] & 0x80)) return i + 1 == block.size() ? std::optional(value) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> bit_position(const Die& die, std::uint64_t type_size) {
  if (const auto direct = die.unsigned_value(DW_AT_data_bit_offset)) return direct;
  const auto offset = member_offset(die);
  if (!offset || *offset > kMaxSize) return std::nullopt;
  // DWARF 3: counted from the most significant bit of the storage unit; below zero
  // where the field crosses its end.
  const auto from_top = die.unsigned_value(DW_AT_bit_offset);
  if (!from_top) return *offset * 8;
  const auto storage = static_cast<std::int64_t>(die.unsigned_value(DW_AT_byte_size).value_or(type_size));
  const auto top = static_cast<std::int64_t>(*from_top);
  const auto bits = static_cast<std::int64_t>(die.unsigned_value(DW_AT_bit_size).value_or(0));
  if (storage <= 0 || storage > 16 || bits > 64 || top > 128 || top < -128) return std::nullopt;
  const std::int64_t begin = static_cast<std::int64_t>(*offset * 8) + storage * 8 - top - bits;
  return begin < 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(begin));
}

bool is_object_member(const Die& die) {
  return die.tag() == DW_TAG_member && !die.has(DW_AT_external) && !die.has(DW_AT_declaration) &&
         !die.has(DW_AT_const_value);
}

DieKey TypeLayout::complete(DieKey key) const {
  key = strip_qualifiers(session_, key);
  const Die die = session_.die(key);
  if (!die || !die.has(DW_AT_declaration)) return key;
  DieKey definition = die.reference(DW_AT_signature).value_or(0);
  if (definition == 0) definition = index_.type_named(index_.qualified_name(die), key);
  definition = strip_qualifiers(session_, definition);
  const Die target = session_.die(definition);
  return target && !target.has(DW_AT_declaration) ? definition : key;
}

std::optional<MemberPath> TypeLayout::find_member(const Die& type, std::string_view name, int depth) const {
  std::optional<MemberPath> found;
  if (depth > kMaxBases) return found;
  for_each_child(type, [&](Die&& die) {
    const bool is_base = die.tag() == DW_TAG_inheritance;
    if (!is_base && !is_object_member(die)) return true;
    const auto offset = member_offset(die);
    if (!offset || *offset > kMaxSize) return true;
    if (die.name() && die.name() == name) {
      found = MemberPath{*offset, complete(die.reference(DW_AT_type).value_or(0))};
    } else if (is_base || !die.name()) {
      const Die inner = definition(die.reference(DW_AT_type).value_or(0));
      if (inner && is_class_tag(inner.tag())) found = find_member(inner, name, depth + 1);
      if (found) found->offset_bytes += *offset;
    }
    return !found;
  });
  return found;
}

std::optional<MemberPath> TypeLayout::member(const Die& type, Path path) const {
  MemberPath result{0, type.key()};
  for (const std::string_view name : path) {
    const Die die = session_.die(result.type);
    const auto step = die ? find_member(die, name, 0) : std::nullopt;
    if (!step) return std::nullopt;
    result = {result.offset_bytes + step->offset_bytes, step->type};
  }
  return result;
}

std::optional<MemberPath> TypeLayout::first_member(const Die& type, std::initializer_list<Path> paths) const {
  for (const Path path : paths) {
    if (auto found = member(type, path)) return found;
  }
  return std::nullopt;
}

std::optional<MemberPath> TypeLayout::pointer(const Die& type, std::initializer_list<Path> paths) const {
  for (const Path path : paths) {
    auto found = member(type, path);
    const Die die = found ? session_.die(found->type) : Die();
    if (!die || die.tag() != DW_TAG_pointer_type) continue;
    found->type = die.reference(DW_AT_type).value_or(0);
    return found;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> TypeLayout::integer(const Die& type, std::uint64_t bytes,
                                                 std::initializer_list<Path> paths) const {
  for (const Path path : paths) {
    const auto found = member(type, path);
    const Die die = found ? session_.die(found->type) : Die();
    const bool is_integer = die && (die.tag() == DW_TAG_base_type || die.tag() == DW_TAG_enumeration_type);
    if (is_integer && die.unsigned_value(DW_AT_byte_size) == bytes) return found->offset_bytes;
  }
  return std::nullopt;
}

void TypeLayout::add_arguments(const Die& parent, std::vector<TemplateArgument>& result, int depth) const {
  if (depth > kMaxArgumentDepth) return;
  for_each_child(parent, [&](Die&& die) {
    switch (die.tag()) {
      case DW_TAG_template_type_parameter:
        result.push_back({die.reference(DW_AT_type).value_or(0), std::nullopt});
        break;
      case DW_TAG_template_value_parameter:
        result.push_back({0, die.signed_value(DW_AT_const_value)});
        break;
      case DW_TAG_GNU_template_parameter_pack:
        add_arguments(die, result, depth + 1);
        break;
      default:
        break;
    }
    return result.size() < kMaxArguments;
  });
}

std::vector<TemplateArgument> TypeLayout::arguments(const Die& type) const {
  std::vector<TemplateArgument> result;
  if (type) add_arguments(type, result, 0);
  return result;
}

DieKey TypeLayout::argument_named(DieKey key, std::string_view name, int depth) const {
  const Die type = definition(key);
  if (depth > kMaxArgumentDepth || !type || !is_class_tag(type.tag())) return 0;
  for (const TemplateArgument& argument : arguments(type)) {
    const Die die = definition(argument.type);
    if (!die || !is_class_tag(die.tag())) continue;
    if (has_name(die, name)) return die.key();
    if (const DieKey found = argument_named(die.key(), name, depth + 1)) return found;
  }
  DieKey found = 0;
  for_each_child(type, [&](Die&& die) {
    if (die.tag() == DW_TAG_inheritance)
      found = argument_named(die.reference(DW_AT_type).value_or(0), name, depth + 1);
    return found == 0;
  });
  return found;
}

std::optional<std::uint64_t> TypeLayout::size(DieKey key, int depth) const {
  const Die type = definition(key);
  if (!type || depth > kMaxAlignmentDepth || type.has(DW_AT_declaration)) return std::nullopt;
  switch (type.tag()) {
    case DW_TAG_pointer_type:
    case DW_TAG_reference_type:
    case DW_TAG_rvalue_reference_type:
      return 8;
    case DW_TAG_ptr_to_member_type: {
      const Die target = definition(type.reference(DW_AT_type).value_or(0));
      return target && target.tag() == DW_TAG_subroutine_type ? 16 : 8;
    }
    case DW_TAG_unspecified_type:
      return 8;  // decltype(nullptr)
    case DW_TAG_array_type: {
      const auto element = size(type.reference(DW_AT_type).value_or(0), depth + 1);
      const auto count = element_count(type);
      if (!element || !count || (*element != 0 && *count > kMaxSize / *element)) return std::nullopt;
      return *element * *count;
    }
    default:
      return type.unsigned_value(DW_AT_byte_size);
  }
}

std::optional<std::uint64_t> TypeLayout::alignment(DieKey key, int depth) const {
  const Die type = definition(key);
  if (!type || depth > kMaxAlignmentDepth || type.has(DW_AT_declaration)) return std::nullopt;
  const std::uint64_t explicit_bytes = type.unsigned_value(DW_AT_alignment).value_or(0);
  if (explicit_bytes > 4096 || (explicit_bytes & (explicit_bytes - 1)) != 0) return std::nullopt;
  std::optional<std::uint64_t> natural;
  switch (type.tag()) {
    case DW_TAG_base_type: {
      const auto bytes = size(key, depth);
      const bool is_complex = type.unsigned_value(DW_AT_encoding).value_or(0) == DW_ATE_complex_float;
      if (bytes) natural = is_complex ? *bytes / 2 : *bytes;
      if (natural && (*natural == 0 || *natural > 16 || (*natural & (*natural - 1)) != 0)) natural.reset();
      break;
    }
    case DW_TAG_enumeration_type:
      natural = size(key, depth);
      break;
    case DW_TAG_array_type:
      if (!type.has(DW_AT_GNU_vector)) natural = alignment(type.reference(DW_AT_type).value_or(0), depth + 1);
      break;
    case DW_TAG_structure_type:
    case DW_TAG_class_type:
    case DW_TAG_union_type:
      natural = class_alignment(type, depth);
      break;
    case DW_TAG_pointer_type:
    case DW_TAG_reference_type:
    case DW_TAG_rvalue_reference_type:
    case DW_TAG_ptr_to_member_type:
    case DW_TAG_unspecified_type:
      natural = 8;
      break;
    default:
      break;
  }
  if (!natural || *natural == 0) return std::nullopt;
  return std::max(*natural, explicit_bytes);
}

// The greatest of its parts. A part that does not lie at its own alignment, or a
// size that does not, means that the class is packed.
std::optional<std::uint64_t> TypeLayout::class_alignment(const Die& type, int depth) const {
  std::optional<std::uint64_t> result = 1;
  for_each_child(type, [&](Die&& die) {
    const bool is_base = die.tag() == DW_TAG_inheritance;
    if (!is_base && !is_object_member(die)) return true;
    auto part = alignment(die.reference(DW_AT_type).value_or(0), depth + 1);
    const std::uint64_t own = die.unsigned_value(DW_AT_alignment).value_or(0);
    if (part && own != 0 && own <= 4096) part = std::max(*part, own);
    const auto offset = member_offset(die);
    const bool is_bits = die.has(DW_AT_bit_size);
    const bool is_virtual = is_base && !offset;
    if (!part || (!offset && !is_virtual) || (!is_bits && offset && *offset % *part != 0)) {
      result.reset();
      return false;
    }
    result = std::max({*result, *part, is_virtual ? std::uint64_t{8} : 1});
    return true;
  });
  if (!result) return std::nullopt;
  const auto bytes = type.unsigned_value(DW_AT_byte_size);
  const std::uint64_t all = std::max(*result, type.unsigned_value(DW_AT_alignment).value_or(0));
  return bytes && *bytes % all == 0 ? result : std::nullopt;
}

}  // namespace backsight::probes
