#include "probes/plan_dump.h"

#include <cctype>
#include <sstream>

namespace backsight::probes {

std::string dump_type_name(const schema::Plan& plan, std::uint32_t id) {
  if (id >= plan.types.size()) return "-";
  const std::string& name = plan.types[id].name;
  return "#" + std::to_string(id) + (name.empty() ? "" : " " + name);
}

namespace {

const char* kind_name(schema::TypeKind kind) {
  static constexpr const char* kNames[] = {
      "void",      "integer",     "bool",    "char",           "float",        "enum",
      "pointer",   "reference",   "struct",  "union",          "array",        "function",
      "undefined", "unsupported", "complex", "member_pointer", "dynamic_link", "redacted"};
  return kNames[static_cast<std::size_t>(kind)];
}

const char* container_name(schema::Container container) {
  static constexpr const char* kNames[] = {
      "none",          "string",       "vector",   "flagged_string", "counted",  "bits",       "bit_vector",
      "list",          "tree",         "deque",    "tuple",          "optional", "variant",    "any",
      "smart_pointer", "weak_pointer", "callable", "transparent",    "duration", "time_point", "mutex"};
  return kNames[static_cast<std::size_t>(container)];
}

void dump_program(std::ostringstream& out, const CompiledPlan& plan, std::uint32_t pc) {
  for (; pc < plan.ops.size(); ++pc) {
    out << "    " << dump_operation(plan.plan, plan.ops[pc]) << "\n";
    if (plan.ops[pc].code == BS_OP_END || plan.ops[pc].code == BS_OP_NEXT) return;
  }
}

void dump_blanks(std::ostringstream& out, const CompiledPlan& plan, const bs_type& type) {
  for (std::size_t i = 0; i < type.blanks && type.blank_pc + i < plan.ops.size(); ++i) {
    const bs_op& op = plan.ops[type.blank_pc + i];
    out << (i == 0 ? "   blank:" : "") << " [" << op.b << "," << op.b + op.d << ")"
        << (i + 1 == type.blanks ? "\n" : "");
  }
}

void dump_container(std::ostringstream& out, const schema::Type& type) {
  if (type.container == schema::Container::kNone) return;
  out << " " << container_name(type.container) << "(" << type.offset_a << "," << type.offset_b << ")";
  for (std::size_t i = 0; i < type.layout.size(); ++i) {
    out << (i == 0 ? " layout " : ",");
    if (type.layout[i] == schema::layout::kNoOffset)
      out << "-";
    else
      out << type.layout[i];
  }
  if (type.is_map) out << " map";
}

void dump_type(std::ostringstream& out, const CompiledPlan& compiled, std::uint32_t id) {
  const schema::Plan& plan = compiled.plan;
  const schema::Type& type = plan.types[id];
  out << "  type #" << id << " " << kind_name(type.kind) << " \"" << type.name << "\" size "
      << type.size_bytes;
  if (type.is_signed) out << " signed";
  if (type.target != schema::kNoType) out << " -> " << dump_type_name(plan, type.target.value);
  if (type.kind == schema::TypeKind::kArray) out << " count " << type.count;
  dump_container(out, type);
  if (type.is_polymorphic) out << " polymorphic";
  if (type.dynamic != schema::kNoType) out << " dynamic by " << dump_type_name(plan, type.dynamic.value);
  out << "\n";
  for (const schema::Member& member : type.members) {
    out << "    ." << (member.name.empty() ? "(anonymous)" : member.name) << " @" << member.offset_bytes;
    if (member.bit_size) out << " bits " << member.bit_offset << "+" << member.bit_size;
    out << (member.is_base ? " base " : " ") << dump_type_name(plan, member.type.value) << "\n";
  }
  for (const schema::Enumerator& one : type.enumerators)
    out << "    " << one.name << " = " << one.value << "\n";
  if (id < compiled.types.size()) dump_blanks(out, compiled, compiled.types[id]);
  if (id < compiled.types.size() && compiled.types[id].chase_pc != 0xffffffff) {
    out << "   chase:\n";
    dump_program(out, compiled, compiled.types[id].chase_pc);
  }
}

std::string without_addresses(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    result += text[i];
    const bool is_address = text[i] == 'x' && i > 0 && text[i - 1] == '0';
    while (is_address && i + 1 < text.size() && std::isxdigit(static_cast<unsigned char>(text[i + 1]))) ++i;
  }
  return result;
}

}  // namespace

std::string dump_plan(const CompiledPlan& compiled) {
  const schema::Plan& plan = compiled.plan;
  std::ostringstream out;
  const std::string& file = plan.source.file;
  out << plan.function << "\n  signature " << plan.signature << "\n  source "
      << file.substr(file.rfind('/') + 1) << ":" << plan.source.line << "\n  site "
      << to_string(plan.site_class) << ": " << plan.site_reason << "\n  return " << to_string(plan.return_via)
      << ": " << plan.return_reason << "\n";
  for (std::size_t i = 0; i < plan.captures.size(); ++i) {
    const schema::Capture& capture = plan.captures[i];
    out << "  capture " << i << " \"" << capture.name << "\" " << dump_type_name(plan, capture.type.value);
    for (const std::string& step : capture.path) out << " /" << step;
    if (capture.is_range) out << " range";
    for (const std::string& step : capture.projection) out << " project " << step;
    if (capture.at_return) out << " at return";
    if (capture.is_indexed) out << " indexed";
    if (capture.unavailable != schema::Unavailable::kNone)
      out << " UNAVAILABLE " << to_string(capture.unavailable);
    out << "\n";
  }
  for (const auto& [name, pc] :
       {std::pair("where", compiled.where_pc), std::pair("sample", compiled.sample_pc),
        std::pair("entry", compiled.entry_pc), std::pair("return", compiled.return_pc)}) {
    if (pc == 0xffffffff) continue;
    out << "  " << name << ":\n";
    dump_program(out, compiled, pc);
  }
  for (std::uint32_t id = 0; id < plan.types.size(); ++id) dump_type(out, compiled, id);
  for (const Vtable& vtable : compiled.vtables)
    out << "  vtable of " << dump_type_name(plan, vtable.type.value) << "\n";
  for (const Issue& issue : compiled.issues) {
    out << "  issue: " << issue.message << (issue.hint.empty() ? "" : " [" + issue.hint + "]") << "\n";
  }
  return without_addresses(out.str());
}

}  // namespace backsight::probes
