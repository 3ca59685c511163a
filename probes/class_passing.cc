#include "probes/class_passing.h"

#include <string_view>

namespace backsight::probes {

namespace {

constexpr int kMaxDepth = 24;

bool is_c_language(std::uint16_t language) {
  return language == DW_LANG_C || language == DW_LANG_C89 || language == DW_LANG_C99 ||
         language == DW_LANG_C11;
}

class Inspector {
 public:
  explicit Inspector(const TypeLayout& layout) : layout_(layout), session_(layout.session()) {}

  Passing inspect(DieKey key, int depth) {
    key = layout_.complete(key);
    const Die die = session_.die(key);
    if (depth > kMaxDepth || !die) return Passing::kUnknown;
    if (die.tag() == DW_TAG_array_type) return inspect(die.reference(DW_AT_type).value_or(0), depth + 1);
    if (!is_class_tag(die.tag())) return Passing::kByValue;
    if (const auto convention = die.unsigned_value(DW_AT_calling_convention)) {
      if (*convention == DW_CC_pass_by_reference) return Passing::kByReference;
      return *convention == DW_CC_pass_by_value ? Passing::kByValue : Passing::kUnknown;
    }
    if (die.has(DW_AT_declaration)) return Passing::kUnknown;
    const Unit* unit = session_.unit_of(key);
    if (unit && is_c_language(unit->language)) return Passing::kByValue;
    return inspect_members(die, depth);
  }

 private:
  Passing inspect_members(const Die& die, int depth) {
    Passing result = Passing::kByValue;
    bool deleted = false;
    const std::string_view full = die.name() ? die.name() : "";
    const std::string_view name = full.substr(0, full.find('<'));
    for_each_child(die, [&](Die&& child) {
      Passing one = Passing::kByValue;
      switch (child.tag()) {
        case DW_TAG_subprogram:
          one = inspect_function(child, die.key(), name, deleted);
          break;
        case DW_TAG_inheritance:
          one = child.unsigned_value(DW_AT_virtuality).value_or(0) != 0
                    ? Passing::kByReference
                    : inspect(child.reference(DW_AT_type).value_or(0), depth + 1);
          break;
        case DW_TAG_member:
          if (child.has(DW_AT_external) || child.has(DW_AT_declaration)) break;  // static
          if (child.flag(DW_AT_artificial)) one = Passing::kByReference;         // _vptr
          if (one == Passing::kByValue) one = inspect(child.reference(DW_AT_type).value_or(0), depth + 1);
          break;
        default:
          break;
      }
      if (one != Passing::kByValue) result = one;
      return result == Passing::kByValue;
    });
    // Deleted copies: by reference only if none is left; which one that is, is not decided here.
    return result == Passing::kByValue && deleted ? Passing::kUnknown : result;
  }

  Passing inspect_function(const Die& function, DieKey self, std::string_view class_name, bool& deleted) {
    if (function.unsigned_value(DW_AT_virtuality).value_or(0) != 0) return Passing::kByReference;
    const std::string_view full = function.name() ? function.name() : "";
    const std::string_view name = full.substr(0, full.find('<'));
    const bool is_destructor = !name.empty() && name.front() == '~';
    if (!is_destructor && (name != class_name || !takes_itself(function, self))) return Passing::kByValue;
    // Implicit, or defaulted where it is declared: as trivial as the members are.
    if (function.flag(DW_AT_artificial)) return Passing::kByValue;
    if (function.unsigned_value(DW_AT_defaulted).value_or(0) == DW_DEFAULTED_in_class)
      return Passing::kByValue;
    if (function.flag(DW_AT_deleted)) {
      deleted = true;
      return Passing::kByValue;
    }
    return Passing::kByReference;
  }

  // A copy or move constructor: its first parameter behind `this` refers to the class.
  bool takes_itself(const Die& function, DieKey self) {
    bool result = false;
    for_each_child(function, [&](Die&& parameter) {
      if (parameter.tag() != DW_TAG_formal_parameter || parameter.flag(DW_AT_artificial)) return true;
      const Die type = session_.die(strip_qualifiers(session_, parameter.reference(DW_AT_type).value_or(0)));
      const Dwarf_Half tag = type.tag();
      result = (tag == DW_TAG_reference_type || tag == DW_TAG_rvalue_reference_type) &&
               strip_qualifiers(session_, type.reference(DW_AT_type).value_or(0)) == self;
      return false;
    });
    return result;
  }

  const TypeLayout& layout_;
  const DwarfSession& session_;
};

}  // namespace

Passing class_passing(const TypeLayout& layout, DieKey type) {
  return Inspector(layout).inspect(type, 0);
}

}  // namespace backsight::probes
