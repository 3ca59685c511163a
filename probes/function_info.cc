#include "probes/function_info.h"

namespace backsight::probes {

namespace {

constexpr int kMaxChain = 4;
constexpr std::size_t kMaxParameters = 256;

// The concrete entry, then what it refers to: abstract origin, declaration.
std::vector<Die> chain_of(const DwarfSession& session, DieKey key) {
  std::vector<Die> chain;
  for (int i = 0; i < kMaxChain && key != 0; ++i) {
    Die die = session.die(key);
    if (!die) break;
    key = die.reference(DW_AT_abstract_origin).value_or(0);
    if (key == 0) key = die.reference(DW_AT_specification).value_or(0);
    chain.push_back(std::move(die));
  }
  return chain;
}

std::vector<Parameter> own_parameters(const DwarfSession& session, const Die& function) {
  std::vector<Parameter> parameters;
  for_each_child(function, [&](Die&& child) {
    if (child.tag() != DW_TAG_formal_parameter) return true;
    Parameter parameter;
    parameter.die = child.key();
    const DieKey origin = child.reference(DW_AT_abstract_origin).value_or(0);
    const Die abstract = origin != 0 ? session.die(origin) : Die();
    const Die& named = child.name() || !abstract ? child : abstract;
    parameter.name = named.name() ? named.name() : "";
    parameter.type = child.has(DW_AT_type) ? child.reference(DW_AT_type).value_or(0)
                                           : named.reference(DW_AT_type).value_or(0);
    parameter.is_artificial = child.flag(DW_AT_artificial) || named.flag(DW_AT_artificial);
    // Others than `this` are the compiler's own (__in_chrg, __vtt_parm).
    if (!parameter.is_artificial || parameter.name == "this") parameters.push_back(std::move(parameter));
    return parameters.size() < kMaxParameters;
  });
  return parameters;
}

bool contains(const std::vector<Parameter>& parameters, const std::string& name) {
  for (const Parameter& parameter : parameters) {
    if (parameter.name == name) return true;
  }
  return false;
}

bool is_c_language(std::uint16_t language) {
  return language == DW_LANG_C || language == DW_LANG_C89 || language == DW_LANG_C99 ||
         language == DW_LANG_C11;
}

bool is_variadic(const Die& function) {
  bool found = false;
  for_each_child(function, [&](Die&& child) {
    found = child.tag() == DW_TAG_unspecified_parameters;
    return !found;
  });
  return found;
}

// A const member function: its hidden first parameter points to const.
bool has_const_this(const TypeBuilder& types, const Die& function) {
  bool result = false;
  for_each_child(function, [&](Die&& child) {
    if (child.tag() != DW_TAG_formal_parameter) return true;
    const std::string self = types.spelling(child.reference(DW_AT_type).value_or(0));
    result = child.flag(DW_AT_artificial) && self.find(" const*") != std::string::npos;
    return false;
  });
  return result;
}

std::string signature_of(const FunctionInfo& info, bool variadic, bool is_const) {
  std::string text = info.name + "(";
  for (std::size_t i = 0; i < info.parameter_types.size(); ++i)
    text += (i ? ", " : "") + info.parameter_types[i];
  if (variadic) text += info.parameter_types.empty() ? "..." : ", ...";
  return text + (is_const ? ") const" : ")");
}

FunctionInfo read_names(const DwarfSession& session, const DebugIndex& index, const TypeBuilder& types,
                        const std::vector<Die>& chain) {
  FunctionInfo info;
  info.die = chain.front().key();
  info.name = index.qualified_name(chain.front());
  for (const Die& die : chain) {
    const char* linkage = die.text(DW_AT_linkage_name);
    if (!linkage) linkage = die.text(DW_AT_MIPS_linkage_name);
    if (linkage && info.linkage_name.empty()) info.linkage_name = linkage;
  }
  // The last of the chain declares the function: parameters in order and whole.
  const std::vector<Parameter> declared = own_parameters(session, chain.back());
  info.parameters = own_parameters(session, chain.front());
  const std::vector<Parameter> middle =
      chain.size() > 2 ? own_parameters(session, chain[1]) : std::vector<Parameter>();
  for (const Parameter& parameter : declared) {
    if (!parameter.is_artificial) info.parameter_types.push_back(types.spelling(parameter.type));
  }
  // Parameters that the compiler dropped from this instance.
  for (const std::vector<Parameter>* abstract : {&middle, &declared}) {
    if (chain.size() < 2) break;
    for (const Parameter& parameter : *abstract) {
      if (parameter.name.empty() || contains(info.parameters, parameter.name)) continue;
      // A declaration may name its parameters differently than the definition.
      if (abstract != &middle && info.parameters.size() >= declared.size()) continue;
      info.parameters.push_back({parameter.name, 0, parameter.type, parameter.is_artificial});
    }
  }
  info.signature = signature_of(info, is_variadic(chain.back()), has_const_this(types, chain.back()));
  return info;
}

}  // namespace

FunctionInfo read_function_names(const DwarfSession& session, const DebugIndex& index,
                                 const TypeBuilder& types, DieKey concrete) {
  const std::vector<Die> chain = chain_of(session, concrete);
  return chain.empty() ? FunctionInfo() : read_names(session, index, types, chain);
}

FunctionInfo read_function(const DwarfSession& session, const DebugIndex& index, const TypeBuilder& types,
                           DieKey concrete) {
  const std::vector<Die> chain = chain_of(session, concrete);
  if (chain.empty()) return {};
  FunctionInfo info = read_names(session, index, types, chain);
  for (const Die& die : chain) {
    if (const auto type = die.reference(DW_AT_type); type && !info.return_type) info.return_type = type;
    const auto line = die.unsigned_value(DW_AT_decl_line);
    const auto file = die.unsigned_value(DW_AT_decl_file);
    if (line && info.source.line == 0) info.source.line = static_cast<std::uint32_t>(*line);
    if (file && info.source.file.empty()) info.source.file = session.source_file(die.key(), *file);
  }
  info.ranges = session.ranges(chain.front());
  const Unit* unit = session.unit_of(concrete);
  info.is_c = unit && is_c_language(unit->language);
  for (const Die& die : chain) {
    info.is_external |= die.flag(DW_AT_external);
    if (die.unsigned_value(DW_AT_calling_convention).value_or(DW_CC_normal) == DW_CC_nocall) {
      info.return_is_dropped = "the compiler changed how this function is called";
    }
  }
  info.is_clone = chain.front().has(DW_AT_abstract_origin);
  const Die top = unit ? session.die(unit->die) : Die();
  const char* producer = top ? top.text(DW_AT_producer) : nullptr;
  info.by_clang = producer && std::string_view(producer).find("clang") != std::string_view::npos;
  return info;
}

}  // namespace backsight::probes
