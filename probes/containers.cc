#include "probes/containers.h"

#include "probes/type_builder.h"

#include <array>

namespace backsight::probes {

namespace {

constexpr int kMaxBases = 8;

std::optional<MemberPath> find_member(const DwarfSession& session, const Die& type, std::string_view name,
                                      int depth) {
  std::optional<MemberPath> found;
  if (depth > kMaxBases) return found;
  for_each_child(type, [&](Die&& die) {
    const Dwarf_Half tag = die.tag();
    const auto offset = die.unsigned_value(DW_AT_data_member_location);
    if (tag == DW_TAG_member && offset && die.name() && die.name() == name) {
      found = MemberPath{*offset, strip_qualifiers(session, die.reference(DW_AT_type).value_or(0))};
    } else if (tag == DW_TAG_inheritance && offset) {
      const Die base = session.die(strip_qualifiers(session, die.reference(DW_AT_type).value_or(0)));
      found = base ? find_member(session, base, name, depth + 1) : std::nullopt;
      if (found) found->offset_bytes += *offset;
    }
    return !found;
  });
  return found;
}

}  // namespace

std::optional<MemberPath> find_member_path(const DwarfSession& session, const Die& type,
                                           std::initializer_list<std::string_view> path) {
  MemberPath result{0, type.key()};
  for (const std::string_view name : path) {
    const Die die = session.die(result.type);
    const auto step = die ? find_member(session, die, name, 0) : std::nullopt;
    if (!step) return std::nullopt;
    result = {result.offset_bytes + step->offset_bytes, step->type};
  }
  return result;
}

bool is_opaque_standard_type(std::string_view name) {
  if (name.substr(0, 5) != "std::") return false;
  name.remove_prefix(5);
  // libc++ (std::__1) and the versions and debug modes of libstdc++ that are not known yet.
  for (const std::string_view space : {"__cxx11::", "__debug::", "__cxx1998::", "__1::", "__8::", "_V2::"}) {
    if (name.substr(0, space.size()) == space) name.remove_prefix(space.size());
  }
  const std::string_view plain = name.substr(0, name.find('<'));
  static constexpr std::array kOpaque = {std::string_view("map"),
                                         std::string_view("multimap"),
                                         std::string_view("set"),
                                         std::string_view("multiset"),
                                         std::string_view("unordered_map"),
                                         std::string_view("unordered_set"),
                                         std::string_view("list"),
                                         std::string_view("unordered_multimap"),
                                         std::string_view("forward_list"),
                                         std::string_view("deque"),
                                         std::string_view("unordered_multiset"),
                                         std::string_view("optional"),
                                         std::string_view("variant"),
                                         std::string_view("any"),
                                         std::string_view("function"),
                                         std::string_view("basic_string"),
                                         std::string_view("basic_string_view"),
                                         std::string_view("vector"),
                                         std::string_view("move_only_function"),
                                         std::string_view("expected")};
  for (const std::string_view opaque : kOpaque) {
    if (plain == opaque) return true;
  }
  return false;
}

}  // namespace backsight::probes
