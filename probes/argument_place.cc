#include "probes/argument_place.h"

#include "probes/argument_registers.h"
#include "probes/class_passing.h"
#include "probes/function_symbols.h"
#include "probes/value_class.h"

#include <algorithm>
#include <utility>

namespace backsight::probes {

namespace {

constexpr int kGeneralRegisters = static_cast<int>(std::size(kArgumentRegisters));
constexpr int kVectorRegisters = 8;
constexpr int kMaxDepth = 16;

// What of the registers and the stack is taken.
class Arguments {
 public:
  explicit Arguments(const TypeLayout& layout) : layout_(layout) {}

  // None: how it is passed is not known.
  std::optional<ArgumentPlace> add(DieKey type);
  // The address of a result in memory. False: where the result goes is not known.
  bool add_result(DieKey type);

 private:
  struct Needs {
    std::vector<WordClass> words;
    bool memory = false;
    bool by_reference = false;  // its address is passed

    int count(WordClass word) const { return static_cast<int>(std::count(words.begin(), words.end(), word)); }
  };
  std::optional<Needs> needs_of(DieKey type) const;
  std::optional<std::uint64_t> alignment_of(DieKey type, int depth) const;
  std::int64_t take_stack(std::uint64_t size, std::uint64_t alignment) {
    stack_ = (stack_ + alignment - 1) / alignment * alignment;
    const std::uint64_t at = stack_;
    stack_ += (size + 7) / 8 * 8;
    return static_cast<std::int64_t>(at);
  }

  const TypeLayout& layout_;
  int general_ = 0;
  int vector_ = 0;
  std::uint64_t stack_ = 0;
};

std::optional<Arguments::Needs> Arguments::needs_of(DieKey type) const {
  const Die die = layout_.definition(type);
  const auto size = layout_.size(type);
  if (!die || !size) return std::nullopt;
  if (is_class_tag(die.tag())) {
    const Passing how = class_passing(layout_, type);
    if (how == Passing::kUnknown) return std::nullopt;
    if (how == Passing::kByReference) return Needs{{WordClass::kInteger}, false, true};
  }
  if (*size > 16) return Needs{{}, true, false};
  const ValueClass value = classify_value(layout_, type);
  if (value.has_vector) return std::nullopt;
  if (value.has_x87) return Needs{{}, true, false};
  Needs needs;
  for (const WordClass word : value.words) {
    if (word == WordClass::kUnknown) return std::nullopt;
    needs.memory |= word == WordClass::kMemory;
    if (needs.words.size() * 8 < *size) needs.words.push_back(word);
  }
  // __float128 takes one register for both its words; nothing else of the C family does.
  if (die.tag() == DW_TAG_base_type && *size == 16 && needs.count(WordClass::kSse) == 2) return std::nullopt;
  return needs;
}

// None: more than 16, or not known.
std::optional<std::uint64_t> Arguments::alignment_of(DieKey type, int depth) const {
  const Die die = layout_.definition(type);
  const auto size = layout_.size(type);
  if (!die || !size || depth > kMaxDepth || die.has(DW_AT_alignment)) return std::nullopt;
  switch (die.tag()) {
    case DW_TAG_base_type:
      return *size > 16 ? std::nullopt : std::optional(*size);
    case DW_TAG_array_type:
      if (die.has(DW_AT_GNU_vector)) return std::nullopt;
      return alignment_of(die.reference(DW_AT_type).value_or(0), depth + 1);
    case DW_TAG_structure_type:
    case DW_TAG_class_type:
    case DW_TAG_union_type:
      break;
    default:
      return 8;
  }
  std::optional<std::uint64_t> most = 1;
  for_each_child(die, [&](Die&& child) {
    if (child.tag() != DW_TAG_inheritance && !is_object_member(child)) return true;
    const auto one = child.has(DW_AT_alignment)
                         ? std::nullopt
                         : alignment_of(child.reference(DW_AT_type).value_or(0), depth + 1);
    most = one ? std::optional(std::max(*most, *one)) : std::nullopt;
    return most.has_value();
  });
  return most;
}

bool Arguments::add_result(DieKey type) {
  const auto needs = needs_of(type);
  if (!needs) return false;
  const bool by_address =
      needs->by_reference || (needs->memory && is_class_tag(layout_.definition(type).tag()));
  // A structure of one long double comes back on the x87 stack.
  if (by_address && classify_value(layout_, type).has_x87) return false;
  general_ += by_address;
  return true;
}

std::optional<ArgumentPlace> Arguments::add(DieKey type) {
  const auto needs = needs_of(type);
  if (!needs) return std::nullopt;
  ArgumentPlace place;
  const bool fits = general_ + needs->count(WordClass::kInteger) <= kGeneralRegisters &&
                    vector_ + needs->count(WordClass::kSse) <= kVectorRegisters;
  if (!needs->memory && fits) {
    for (const WordClass word : needs->words) {
      const bool is_vector = word == WordClass::kSse;
      const bool is_general = word == WordClass::kInteger;
      place.words.push_back({is_vector, is_vector    ? vector_++
                                        : is_general ? kArgumentRegisters[general_++]
                                                     : -1});
    }
    return place;
  }
  const auto alignment = needs->by_reference ? std::optional<std::uint64_t>(8) : alignment_of(type, 0);
  if (!alignment) return std::nullopt;
  place.slot_size = needs->by_reference ? 8 : layout_.size(type).value_or(8);
  place.slot = take_stack(place.slot_size, std::max<std::uint64_t>(8, *alignment));
  return place;
}

}  // namespace

bool has_all_parameters(const FunctionInfo& function) {
  if (function.linkage_name.empty()) return true;
  const std::string text = parse_symbol(function.linkage_name).parameters;
  std::size_t count = 0;
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ')' && depth == 1) break;
    if (c == '(' || c == '<' || c == '[' || c == '{') {
      ++depth;
    } else if (c == ')' || c == '>' || c == ']' || c == '}') {
      --depth;
    }
    const bool begins = i == 1 || (c == ',' && depth == 1);
    if (begins && text.compare(i == 1 ? i : i + 2, 3, "...") != 0) ++count;
  }
  const auto described = std::count_if(function.parameters.begin(), function.parameters.end(),
                                       [](const Parameter& one) { return !one.is_artificial; });
  return !text.empty() && (text.rfind("()", 0) == 0 ? 0 : count) == static_cast<std::size_t>(described);
}

bool ArgumentPlace::brings(const PrologueValue& value, std::uint64_t at) const {
  const auto is_word = [&](bool is_vector) {
    if (at / 8 >= words.size() || value.from != at % 8) return false;
    const Word& word = words[at / 8];
    return word.is_vector == is_vector && word.reg == value.reg;
  };
  switch (value.kind) {
    case PrologueValue::Kind::kEntry:
      return is_any ? brings_argument(value.reg) : is_word(false);
    case PrologueValue::Kind::kVector:
      return is_any || is_word(true);
    case PrologueValue::Kind::kStack:
      return is_any || (is_at(value.offset, at) && at + value.width <= slot_size);
    default:
      return false;
  }
}

std::vector<ArgumentPlace> argument_places(const TypeLayout& layout, const FunctionInfo& function) {
  const DwarfSession& session = layout.session();
  if (function.is_part || session.die(function.die).tag() != DW_TAG_subprogram) return {};
  if (!has_all_parameters(function)) {
    // Clang leaves those out that are passed by reference and never used, where it does not
    // optimise, and only there.
    if (!function.by_clang) return {};
    ArgumentPlace any;
    any.is_any = true;
    return std::vector<ArgumentPlace>(function.parameters.size(), any);
  }
  if (!function.return_is_dropped.empty()) {
    // Clang changes how a local function is called by taking parameters away.
    const bool has_all =
        std::all_of(function.parameters.begin(), function.parameters.end(), [&](const Parameter& parameter) {
          const Die die = session.die(parameter.die);
          return die && (die.has(DW_AT_location) || die.has(DW_AT_const_value));
        });
    if (!function.by_clang || !has_all) return {};
  }
  Arguments arguments(layout);
  std::vector<ArgumentPlace> places;
  if (function.return_type && !arguments.add_result(*function.return_type)) return places;
  for (const Parameter& parameter : function.parameters) {
    auto place = arguments.add(parameter.type);
    if (!place) break;
    places.push_back(std::move(*place));
  }
  return places;
}

}  // namespace backsight::probes
